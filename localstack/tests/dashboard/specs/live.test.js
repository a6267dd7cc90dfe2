// How news come when the best way is cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badge, deliver, expectComplaint, newPage, seedPaidInvoice, signIn } from '../world.js';

test('without the WebSocket news come by the stream', async (t) => {
  const page = await newPage(t);
  expectComplaint(page, /WebSocket|ERR_/);
  const open = [];
  let isCut = false;
  await page.routeWebSocket(/.*/, (socket) => {
    if (isCut) return socket.close();
    socket.connectToServer();
    open.push(socket);
    return undefined;
  });
  await page.goto('/jobs');
  await signIn(page, 'viewer');
  await badge(page, 'Live').waitFor();

  isCut = true;
  for (const socket of open) await socket.close();
  await badge(page, 'Stream').waitFor();
  await assertNewsComes(page);
});

test('with the stream cut, too, the list is polled', async (t) => {
  const page = await newPage(t);
  expectComplaint(page, /WebSocket|ERR_/);
  await page.routeWebSocket(/.*/, (socket) => socket.close());
  await page.route('**/api/jobs/stream*', (route) => route.abort());
  await page.goto('/jobs');
  await signIn(page, 'viewer');
  await badge(page, 'Polling').waitFor();
  await assertNewsComes(page);
});

test('another tenant hears nothing of it', async (t) => {
  const page = await newPage(t);
  const heard = [];
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => heard.push(String(payload))));
  await page.goto('/jobs');
  await signIn(page, 'other_admin');
  await badge(page, 'Live').waitFor();
  const watching = await newPage(t);
  await watching.goto('/jobs');
  await signIn(watching, 'viewer');
  await badge(watching, 'Live').waitFor();
  await assertNewsComes(watching);
  assert.deepEqual(heard.filter((frame) => frame.includes('job_id')), []);
});

async function assertNewsComes(page) {
  await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
  const invoice = await seedPaidInvoice();
  await deliver(invoice.id);
  const pill = page.getByRole('button', { name: /\d+ new/ });
  const row = page.getByRole('row').filter({ hasText: invoice.number });
  await pill.or(row).first().waitFor();
  if (await pill.isVisible()) await pill.click();
  await row.getByText('Completed').waitFor();
}
