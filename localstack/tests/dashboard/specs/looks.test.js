// What each view looks like to a person, to one with a screen reader, and on a phone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axeProblems, failedWrite, newPage, openAccount, pageOf, picture, settled } from '../world.js';

const VIEWS = [
  ['Overview', '/'],
  ['Jobs', '/jobs'],
  ['Deliveries', '/deliveries'],
  ['Errors', '/errors'],
  ['Connections', '/connections'],
  ['Service', '/service'],
  ['Audit', '/audit'],
];
const LOOKS = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 360, height: 780 } }],
  ['dark phone', { colorScheme: 'dark', viewport: { width: 360, height: 780 } }],
];

for (const [look, options] of LOOKS) {
  test(`nobody is shut out of any view: ${look}`, async (t) => {
    const { jobId } = await failedWrite();
    const problems = [];
    const check = async (page, name) => problems.push(...(await problemsOf(page, `${name}, ${look}`)));

    const signIn = await newPage(t, options);
    await signIn.goto('/');
    await signIn.getByLabel('Password').waitFor();
    await check(signIn, 'sign in');

    const page = await pageOf(t, 'admin', '/', options);
    for (const [name, path] of VIEWS) {
      await show(page, path);
      await page.getByRole('heading', { level: 1, name }).waitFor();
      await check(page, name);
    }
    await show(page, `/jobs/${jobId}`);
    const step = page.getByRole('region', { name: 'Steps' }).getByRole('link').first();
    await step.waitFor();
    await check(page, 'job');
    await page.keyboard.press('r');
    await page.getByRole('dialog').waitFor();
    await check(page, 'question before a retry');
    await page.keyboard.press('Escape');
    await step.click();
    await page.getByRole('region', { name: 'Attempts' }).waitFor();
    await check(page, 'step');
    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link', { name: /^Xero/ }).click();
    await page.getByRole('region', { name: 'Headers' }).waitFor();
    await check(page, 'delivery');
    await openAccount(page);
    await check(page, 'account');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await check(page, 'keyboard shortcuts');
    assert.deepEqual(problems, []);
  });
}

/** Goes to an address without loading the page anew, which would ask for a sign-in. */
async function show(page, path) {
  await page.evaluate((address) => {
    history.pushState(null, '', address);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
}

/** What is wrong with what is shown now, after a screenshot of it. */
async function problemsOf(page, name) {
  await settled(page);
  await page.screenshot({ path: picture(name) });
  const [width, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  const tooWide = width > window ? [`it is ${width} px wide in a window of ${window} px`] : [];
  return [...tooWide, ...(await axeProblems(page))].map((problem) => `${name}: ${problem}`);
}
