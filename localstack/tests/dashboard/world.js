// A browser on the deployed stack, and what providers and other programs do to that stack.
//
// Every page that a test opens is watched: what it writes to the console as an error, throws, or is refused by its
// content policy fails the test at its end, unless the test has said that it expects it.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
/** As long as a view may take on a busy machine. */
const PATIENCE_MS = 20_000;

let launched;
after(async () => (await launched)?.close());

/** A value of the stack's env file. */
export function env(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not in the environment: these specs are run by \`cargo test --test dashboard\``);
  return value;
}

/** A page in a browser of its own, with nobody signed in. */
export async function newPage(t, options = {}) {
  launched ??= chromium.launch({ executablePath: env('BROWSER'), args: FLAGS });
  const context = await (await launched).newContext({
    baseURL: env('APP_URL'),
    viewport: { width: 1440, height: 900 },
    // What fades in would be half transparent when its contrast is measured.
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  watch(page);
  t.after(async () => {
    if (!t.passed) await page.screenshot({ path: picture(`failed ${t.name}`) }).catch(() => {});
    await context.close();
    assert.deepEqual(unexpected.get(page), [], 'the page has complained');
  });
  return page;
}

/** A page that shows this address to this person: `admin`, `editor`, `viewer`, `other_admin` or `platform_admin`. */
export async function pageOf(t, person, path = '/', options = {}) {
  const page = await newPage(t, options);
  await page.goto(path);
  await signIn(page, person);
  return page;
}

export async function signIn(page, person, password = env('DEMO_PASSWORD')) {
  await page.getByLabel('E-mail', { exact: true }).fill(emailOf(person));
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

export function emailOf(person) {
  return env(`${person.toUpperCase()}_EMAIL`);
}

/** Opens the menu with who is signed in. */
export async function openAccount(page) {
  await page.getByRole('button', { name: /^Account/ }).click();
}

/** What says how news come to the page: `Live`, `Stream`, `Polling`. */
export function badge(page, word) {
  return page.getByRole('status', { name: `Updates: ${word}` });
}

const expected = new WeakMap();
const unexpected = new WeakMap();

/** Says that the page will complain in these words, as Chromium does of every answer that refuses. */
export function expectComplaint(page, words) {
  expected.get(page).push(words);
}

function watch(page) {
  expected.set(page, []);
  unexpected.set(page, []);
  const complain = (text) => {
    if (!expected.get(page).some((words) => words.test(text))) unexpected.get(page).push(text);
  };
  page.on('console', (message) => {
    if (message.type() === 'error') complain(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complain(String(error)));
}

/** Waits until nothing on the page is still being loaded. */
export async function settled(page) {
  await until('the page is loaded', async () => (await page.locator('[aria-busy=true]').count()) === 0);
}

/** What axe finds wrong with what the page shows now. */
export async function axeProblems(page) {
  await page.evaluate(axe.source);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await page.evaluate((values) => window.axe.run(document, { runOnly: values }), tags);
  return found.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`,
  );
}

/** Where a screenshot of this name goes. */
export function picture(name) {
  return join(env('SCREENSHOTS'), `${name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}.png`);
}

/** Waits until something is so; `words` say what. */
export async function until(words, holds) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await holds();
    if (value) return value;
    assert.ok(Date.now() < deadline, `after ${PATIENCE_MS / 1000} s it is still not so: ${words}`);
    await sleep(100);
  }
}

/** Gives a provider a record; in the demo business's account, or in another. */
export async function seed(provider, kind, record, account) {
  return json(await fetch(`${env('SIM_URL')}/_sim/seed`, post({ provider, kind, record, tenant_id: account })));
}

/** Lets the next calls of this method take seconds, so that their job can be seen running. */
export async function slowDown(provider, method, seconds) {
  await fault({ provider, fault: 'slow', match: { method }, retry_after_s: seconds });
}

/** Lays a fault in wait for a call to a provider. */
async function fault(order) {
  await json(await fetch(`${env('SIM_URL')}/_sim/faults`, post(order)));
}

/** The newest mail of the sign-in service to somebody. */
export async function newestMail(to) {
  const mails = await json(await fetch(`${env('SIM_URL')}/_sim/mails`));
  return mails.findLast((mail) => mail.to === to);
}

/** A paid invoice whose customer is in HubSpot, at the demo business or another; gives what identifies it. */
export async function seedPaidInvoice(fields = {}, business = {}) {
  const id = randomUUID();
  const email = `${id.slice(0, 8)}@example.com`;
  const contact = await seed('hubspot', 'contact', { properties: { email } }, business.portal);
  const invoice = {
    Type: 'ACCREC',
    InvoiceID: id,
    InvoiceNumber: `INV-${id.slice(0, 8)}`,
    Status: 'PAID',
    Total: 12.5,
    AmountPaid: 12.5,
    CurrencyCode: 'NZD',
    FullyPaidOnDate: '/Date(1790812800000+0000)/',
    UpdatedDateUTC: '/Date(1790845964917+0000)/',
    Contact: { EmailAddress: email, Name: 'A customer' },
    ...fields,
  };
  await seed('xero', 'invoice', invoice, business.organisation);
  return { id, number: invoice.InvoiceNumber, contactId: contact.id };
}

/** Delivers, signed as Xero does, that an invoice was updated; `more` goes into the event. */
export async function deliver(invoiceId, more = {}) {
  const event = {
    resourceUrl: `https://api.xero.com/api.xro/2.0/Invoices/${invoiceId}`,
    resourceId: invoiceId,
    tenantId: env('XERO_TENANT_ID'),
    tenantType: 'ORGANISATION',
    eventCategory: 'INVOICE',
    eventType: 'UPDATE',
    eventDateUtc: new Date().toISOString().slice(0, -1),
    ...more,
  };
  const body = JSON.stringify({ events: [event], firstEventSequence: 1, lastEventSequence: 1, entropy: randomUUID() });
  const signature = createHmac('sha256', env('XERO_WEBHOOK_KEY')).update(body).digest('base64');
  const headers = { 'content-type': 'application/json', 'x-xero-signature': signature };
  const answer = await fetch(`${env('WEBHOOK_URL')}/webhook/xero`, { method: 'POST', headers, body });
  assert.equal(answer.status, 200, await answer.text());
}

/** A new business with accounts at Xero and HubSpot, whose owner has been invited and has come in; his page, and what there is. */
export async function newBusiness(t, name) {
  const owner = `owner@${randomUUID().slice(0, 8)}.example`;
  const accounts = { organisation: randomUUID(), portal: 10_000_000 + Math.floor(Math.random() * 80_000_000) };
  await seed('xero', 'organisation', { id: accounts.organisation, name });
  await seed('hubspot', 'portal', { id: accounts.portal, name });

  const platform = await pageOf(t, 'platform_admin', '/tenants');
  await platform.getByRole('button', { name: 'Make a tenant', exact: true }).click();
  await platform.getByLabel('Name of the business').fill(name);
  await platform.getByLabel('E-mail of its first admin').fill(owner);
  await platform.getByRole('button', { name: 'Make tenant', exact: true }).click();
  await platform.getByRole('table', { name: 'Tenants' }).getByText(name).waitFor();

  const page = await newPage(t);
  const mail = await until('the invitation has come', () => newestMail(owner));
  await page.goto(mail.link);
  await page.getByRole('heading', { level: 1, name: 'Welcome to Zixly' }).waitFor();
  await page.getByLabel('New password').fill('a password of my own');
  await page.getByRole('button', { name: 'Set password and go on' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  return { page, owner, name, ...accounts };
}

/** Clicks what leads to a provider, decides there, and comes back; only the account of this name is let into. */
export async function consent(page, button, account, decision = 'Allow access') {
  const [tab] = await Promise.all([page.context().waitForEvent('page'), button.click()]);
  await tab.getByRole('button', { name: decision }).waitFor();
  for (const choice of await tab.getByRole('checkbox').all()) await choice.uncheck();
  const own = tab.getByLabel(account, { exact: true });
  if ((await own.count()) > 0) await own.check();
  await tab.getByRole('button', { name: decision }).click();
  return tab;
}

/** How often a contact of the business was written to at HubSpot. */
export async function writesTo({ portal }, contactId) {
  const effects = await json(await fetch(`${env('SIM_URL')}/_sim/effects?provider=hubspot`));
  return effects.filter(({ account, record_id: id }) => account === String(portal) && id === String(contactId)).length;
}

/** What the owner does in the provider's own pages: takes the app out of his account. */
export async function removeAppAt(provider, account) {
  await json(await fetch(`${env('SIM_URL')}/_sim/disconnect`, post({ provider, account })));
}

/** Calls for a sweep of the trading API; gives the job's id. */
export async function sweep(ticker) {
  const parameters = { ticker, fast_range: [5, 20], slow_range: [20, 60], step: 5, strategy_type: 'SMA' };
  const request = post(parameters, { authorization: `Bearer ${env('TOKEN_EDITOR')}` });
  return (await json(await fetch(`${env('WEBHOOK_URL')}/webhook/trading-sweep`, request))).job_id;
}

/** A job that has failed, with these words of the trading API as the reason. */
export async function failedSweep(ticker, words) {
  await seed('trading', 'failure', { ticker, error: words });
  const id = await sweep(ticker);
  await until(`job ${id} has failed`, async () => (await statusOf(id)) === 'FAILED');
  return id;
}

/** A job that has failed since HubSpot would not take its write, once; gives the invoice's number and the job's id. */
export async function failedWrite() {
  const invoice = await seedPaidInvoice();
  const match = { method: 'PATCH', path: `/contacts/${invoice.contactId}` };
  await fault({ provider: 'hubspot', fault: 'status', status: 400, match });
  await deliver(invoice.id);
  const job = await until(`the job about ${invoice.number} has failed`, async () => {
    const path = `/api/pipelines/jobs?status=FAILED&q=${encodeURIComponent(`record:${invoice.number}`)}`;
    return (await ask(path)).jobs[0];
  });
  return { ...invoice, jobId: job.job_id };
}

/** What the dashboard's API answers a VIEWER; not by its name, which only browsers can resolve. */
export async function ask(path) {
  const api = new URL(env('APP_URL')).hostname.split('.')[0];
  const headers = { authorization: `Bearer ${env('TOKEN_VIEWER')}` };
  return json(await fetch(`${env('AWS_ENDPOINT_URL')}/_aws/execute-api/${api}${path}`, { headers }));
}

/** A job's status, as the pipeline's own API tells it. */
export async function statusOf(id) {
  const headers = { authorization: `Bearer ${env('TOKEN_VIEWER')}` };
  return (await json(await fetch(`${env('WEBHOOK_URL')}/webhook/jobs/${id}`, { headers }))).status;
}

function post(body, headers = {}) {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...headers },
    body: JSON.stringify(body),
  };
}

async function json(answer) {
  const text = await answer.text();
  assert.ok(answer.ok, `${answer.url}: ${answer.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}
