// Who may retry and cancel, who may not, and that both are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedSweep, failedWrite, pageOf, statusOf, until } from '../world.js';

test('an EDITOR retries a failed job, and it completes', async (t) => {
  const { jobId } = await failedWrite();
  const page = await pageOf(t, 'editor', `/jobs/${jobId}`);
  await page.getByRole('heading', { level: 1 }).getByText('Failed').waitFor();
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
  await page.getByText('Noted: the job is tried again next.').waitFor();
  await page.getByRole('heading', { level: 1 }).getByText('Completed').waitFor();
  assert.equal(await statusOf(jobId), 'COMPLETED');
});

test('a VIEWER is refused with the reason, and nothing is asked of the pipeline', async (t) => {
  const id = await failedSweep('REFUSED', 'The exchange is closed.');
  const page = await pageOf(t, 'viewer', `/jobs/${id}`);
  const asked = [];
  page.on('request', (request) => request.method() === 'POST' && asked.push(request.url()));
  const button = page.getByRole('button', { name: 'Retry' });
  assert.equal(await button.getAttribute('aria-disabled'), 'true');
  await button.click({ force: true });
  await page.getByText(/EDITOR/).first().waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.deepEqual(asked.filter((address) => address.includes('/webhook/')), []);
  assert.equal(await statusOf(id), 'FAILED');
});

test('a job that has completed cannot be retried or cancelled, and says so', async (t) => {
  const page = await pageOf(t, 'editor', '/jobs?status=COMPLETED');
  await page.getByRole('row').getByRole('link').first().click();
  for (const [name, reason] of [
    ['Retry', 'Only a failed or cancelled job can be retried.'],
    ['Cancel job', 'The job has ended.'],
  ]) {
    const button = page.getByRole('button', { name });
    await button.waitFor();
    assert.equal(await button.getAttribute('aria-disabled'), 'true');
    await page.getByText(reason).first().waitFor({ state: 'attached' });
  }
});

test('what was done is in the audit of the tenant', async (t) => {
  const { jobId } = await failedWrite();
  const page = await pageOf(t, 'admin', `/jobs/${jobId}`);
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
  await until('the job has completed', async () => (await statusOf(jobId)) === 'COMPLETED');
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('heading', { level: 1, name: 'Audit' }).waitFor();
  await page.getByText(/job\.retry/).first().waitFor();
});
