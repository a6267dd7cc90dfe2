// An owner gets going without an engineer: from an invitation to a completed job, through the pages and the providers' own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  axeProblems, consent, deliver, env, expectComplaint, newBusiness, newPage, pageOf, picture, removeAppAt, seedPaidInvoice,
  settled, until, writesTo,
} from '../world.js';

/** Through the navigation, since a load of another address would sign the page out. */
async function open(page, view) {
  await page.getByRole('navigation').getByRole('link', { name: view, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: view }).waitFor();
  await settled(page);
}

function button(page, name) {
  return page.getByRole('button', { name, exact: true });
}

/** Both systems of the main job, by the providers' own pages. */
async function connectBoth(business) {
  const { page, name } = business;
  for (const provider of ['Xero', 'HubSpot']) {
    await consent(page, button(page, `Connect ${provider}`), name);
    await page.getByText(`${provider} is connected`).first().waitFor();
  }
}

test('from an empty tenant to a completed main job, through the pages only', async (t) => {
  const business = await newBusiness(t, 'Bay Books');
  const { page, organisation } = business;
  const invoice = await seedPaidInvoice({}, business);
  await page.getByRole('link', { name: 'Begin the first run' }).click();
  await page.getByRole('heading', { level: 1, name: 'First run' }).waitFor();
  assert.deepEqual(await axeProblems(page), []);
  await connectBoth(business);
  await page.getByRole('listitem', { name: '1. Connect two systems: done' }).waitFor();
  await page.getByRole('switch', { name: /xero-invoice-to-hubspot/ }).click();
  await page.getByRole('listitem', { name: '2. Switch the workflow on: done' }).waitFor();

  await page.getByRole('textbox', { name: 'Id of the invoice' }).fill(invoice.id);
  await button(page, 'Try it (writes nothing)').click();
  const job = page.getByRole('region', { name: 'The job' });
  await job.getByText('Would write').first().waitFor();
  assert.equal(await writesTo(business, invoice.contactId), 0, 'a dry run writes nothing');
  await page.screenshot({ path: picture('first-run-tried'), fullPage: true });

  await button(page, 'Run it').click();
  await page.getByRole('listitem', { name: '4. Watch it: done' }).waitFor();
  await page.getByText(/^Done: /).waitFor();
  assert.equal(await writesTo(business, invoice.contactId), 1);
  await page.screenshot({ path: picture('first-run-done'), fullPage: true });

  // From now on by itself: what Xero delivers for the organisation starts a job.
  const next = await seedPaidInvoice({}, business);
  await deliver(next.id, { tenantId: organisation });
  await open(page, 'Jobs');
  await page.getByRole('row').filter({ hasText: next.number }).getByText('Completed').waitFor();
  await open(page, 'Audit');
  for (const deed of ['connection.connect', 'workflow.set', 'user.invite', 'tenant.make']) {
    await page.getByText(deed).first().waitFor();
  }
});

test('a connection that dies says so, its job waits, and a new consent completes it with one write', async (t) => {
  const business = await newBusiness(t, 'Bay Café');
  const { page, portal, organisation, name } = business;
  await open(page, 'Connections');
  await connectBoth(business);
  await open(page, 'Workflows');
  await page.getByRole('link', { name: /xero-invoice-to-hubspot/ }).click();
  await page.getByRole('switch', { name: /xero-invoice-to-hubspot/ }).click();
  await page.getByRole('switch', { name: 'xero-invoice-to-hubspot: On' }).waitFor();

  await removeAppAt('hubspot', portal);
  const invoice = await seedPaidInvoice({}, business);
  await deliver(invoice.id, { tenantId: organisation });
  await open(page, 'Connections');
  const again = page.getByRole('button', { name: `Authorise HubSpot, ${name} again` });
  // Within a minute of the next call; a page shows it by itself.
  await until('the connection needs authorisation', async () => (await again.count()) === 1);
  await open(page, 'Jobs');
  await page.getByRole('row').filter({ hasText: invoice.number }).getByText(/authoris/i).first().waitFor();
  assert.equal(await writesTo(business, invoice.contactId), 0);

  await open(page, 'Connections');
  await consent(page, again, name);
  await page.getByText('HubSpot is connected').first().waitFor();
  await open(page, 'Jobs');
  await page.getByRole('row').filter({ hasText: invoice.number }).getByText('Completed').waitFor();
  assert.equal(await writesTo(business, invoice.contactId), 1);
});

test('who says no at the provider is told that nothing has changed, and who goes back is told that it counted once', async (t) => {
  const { page, name } = await newBusiness(t, 'Bay Bakery');
  await open(page, 'Connections');
  const no = await consent(page, button(page, 'Connect Xero'), name, 'Cancel');
  await no.getByRole('heading', { name: 'Not connected' }).waitFor();
  await no.getByText('Nothing was connected, and nothing has changed.').waitFor();
  await no.screenshot({ path: picture('consent-refused') });
  assert.match(await no.getByRole('link', { name: 'Back to Connections' }).getAttribute('href'), /\/connections$/);
  await no.close();

  await button(page, 'Stop waiting').click().catch(() => {});
  const [callback] = await Promise.all([
    page.context().waitForEvent('request', (request) => request.url().includes('/oauth/hubspot/callback')),
    consent(page, button(page, 'Connect HubSpot'), name),
  ]);
  await page.getByText('HubSpot is connected').first().waitFor();
  const replayed = await newPage(t);
  expectComplaint(replayed, /status of 409/);
  await replayed.goto(callback.url());
  await replayed.getByText(/used before, or was begun in another browser/).waitFor();
});

test('users and keys come and go, and every view of the set-up is accessible', async (t) => {
  const { page, owner } = await newBusiness(t, 'Bay Bikes');
  await open(page, 'Users');
  await button(page, 'Invite somebody').click();
  await page.getByLabel('E-mail', { exact: true }).fill(`pat-${owner}`);
  await page.getByLabel('Role', { exact: true }).selectOption('EDITOR');
  await button(page, 'Invite').click();
  await page.getByRole('table', { name: 'Users' }).getByText(`pat-${owner}`).waitFor();
  assert.equal(await button(page, `Remove ${owner}`).getAttribute('aria-disabled'), 'true');
  assert.deepEqual(await axeProblems(page), []);
  await button(page, `Remove pat-${owner}`).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await until('he is gone', async () => (await page.getByText(`pat-${owner}`).count()) === 0);

  await open(page, 'Keys');
  await button(page, 'Make a key').click();
  await page.getByLabel('Name', { exact: true }).fill('till');
  await button(page, 'Make key').click();
  const key = await page.getByRole('dialog').locator('code').textContent();
  assert.match(key, /^zixly_/);
  await button(page, 'I have it').click();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const asked = async () =>
    (await fetch(`${env('WEBHOOK_URL')}/webhook/generic-job`, { method: 'POST', headers, body: '{}' })).status;
  assert.equal(await asked(), 422, 'the key is taken, and its call looked at');
  await button(page, 'Revoke till').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await until('the key is refused', async () => (await asked()) === 401);

  for (const view of ['Connections', 'Workflows', 'Users', 'Keys', 'Audit']) {
    await open(page, view);
    assert.deepEqual(await axeProblems(page), [], view);
  }
});

test('a VIEWER reads why he may not set anything up', async (t) => {
  const page = await pageOf(t, 'viewer', '/users');
  await page.getByText('This is for admins.').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Users' }).count(), 0);
});
