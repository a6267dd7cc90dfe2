// Who gets in, how, and how he gets out again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emailOf, env, expectComplaint, newestMail, newPage, openAccount, pageOf, signIn, until } from '../world.js';

const ROLES = [
  ['admin', 'ADMIN', 'Demo business'],
  ['editor', 'EDITOR', 'Demo business'],
  ['viewer', 'VIEWER', 'Demo business'],
  ['other_admin', 'ADMIN', 'Other business'],
  ['platform_admin', 'ADMIN, platform admin', 'Demo business'],
];

for (const [person, role, tenant] of ROLES) {
  test(`${person} signs in with a password and is told who that is`, async (t) => {
    const page = await pageOf(t, person);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await openAccount(page);
    const facts = page.locator('.facts');
    await facts.getByText(emailOf(person)).waitFor();
    await facts.getByText(role, { exact: true }).waitFor();
    await page.getByRole('button', { name: /^Account/ }).getByText(tenant).waitFor();
    const entry = page.getByRole('navigation').getByRole('link', { name: 'Audit' });
    assert.equal(await entry.count(), role.startsWith('ADMIN') ? 1 : 0, 'Audit is for admins');
  });
}

test('a wrong password is refused in words, and nothing is shown', async (t) => {
  const page = await newPage(t);
  expectComplaint(page, /status of 400/);
  await page.goto('/jobs');
  await signIn(page, 'admin', 'wrong');
  await page.getByRole('alert').getByText('Invalid login credentials').waitFor();
  assert.equal(await page.getByRole('table').count(), 0);
});

test('a mailed link signs in, leads back to where it was asked for, and leaves no token in the address', async (t) => {
  const page = await newPage(t);
  await page.goto('/errors');
  await page.getByLabel('E-mail', { exact: true }).fill(emailOf('viewer'));
  await page.getByRole('button', { name: 'E-mail me a sign-in link' }).click();
  await page.getByText('a link is on its way').waitFor();
  const mail = await until('the mail is there', () => newestMail(emailOf('viewer')));
  await page.goto(mail.link);
  await page.getByRole('heading', { level: 1, name: 'Errors' }).waitFor();
  assert.equal(page.url(), `${env('APP_URL')}/errors`);

  const again = await newPage(t);
  await again.goto(mail.link);
  await again.getByText('Email link is invalid or has expired').waitFor();
});

test('a stranger gets no link, and is not told that he is one', async (t) => {
  const page = await newPage(t);
  expectComplaint(page, /status of 422/);
  await page.goto('/');
  await page.getByLabel('E-mail', { exact: true }).fill('nobody@example.com');
  await page.getByRole('button', { name: 'E-mail me a sign-in link' }).click();
  await page.getByText('a link is on its way').waitFor();
  assert.equal(await newestMail('nobody@example.com'), undefined);
});

test('a sign-out ends the session in every tab and browser', async (t) => {
  const page = await pageOf(t, 'editor');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  const tab = await page.context().newPage();
  await tab.goto(`${env('APP_URL')}/jobs`);
  await tab.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();

  await openAccount(page);
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  for (const signedOut of [page, tab]) {
    await signedOut.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    assert.equal(await signedOut.getByRole('table').count(), 0);
  }
});

test('nothing of a session is kept where another page could find it', async (t) => {
  const page = await pageOf(t, 'admin');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  const kept = await page.evaluate(() => ({ local: { ...localStorage }, session: { ...sessionStorage } }));
  assert.doesNotMatch(JSON.stringify(kept), /eyJ|refresh/);
  assert.deepEqual(await page.context().cookies(), []);
});

test('a platform admin looks at another tenant and comes back', async (t) => {
  const page = await pageOf(t, 'platform_admin');
  await openAccount(page);
  await page.getByLabel('Look at tenant').selectOption({ label: 'Other business' });
  await page.getByText('You are looking at Other business').waitFor();
  assert.match(page.url(), /[?&]tenant=/);
  await page.getByRole('link', { name: 'Back to your own' }).click();
  await page.getByText('You are looking at Other business').waitFor({ state: 'detached' });
});
