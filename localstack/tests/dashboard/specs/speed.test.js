// How soon the first view is there, how still it stands, and how much script it needs.
//
// The local gateway takes far longer for an answer than Amazon's, so its delay is measured and taken off: once for each
// answer that had to come before the next could be asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf } from '../world.js';

const MOST_LCP_MS = 800;
const MOST_CLS = 0.01;
const MOST_SCRIPT_BYTES = 90_000;
const RUNS = 3;

test('the overview is painted within 0.8 s, stands still, and needs at most 90 kB of script', async (t) => {
  const signedIn = await pageOf(t, 'viewer');
  await signedIn.getByRole('list', { name: 'Numbers of now' }).waitFor();
  const gatewayMs = await gatewayDelay(signedIn);
  const runs = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await coldLoad(signedIn.context(), gatewayMs));
  // The machine does other things, too: the best run shows what the pages cost.
  const best = runs.toSorted((a, b) => a.ownMs - b.ownMs)[0];
  const kilobytes = (best.scriptBytes / 1000).toFixed(1);
  t.diagnostic(
    `LCP ${best.lcpMs} ms with the local gateway, ${best.ownMs} ms without the ${best.lcpMs - best.ownMs} ms that it took for ` +
      `${best.depth} answers one after the other (it delays each by ${gatewayMs} ms)`,
  );
  t.diagnostic(`the largest is ${best.largest}; CLS ${best.cls.toFixed(4)}; ${kilobytes} kB of script, compressed`);
  assert.ok(best.ownMs <= MOST_LCP_MS, `LCP is ${best.ownMs} ms`);
  for (const { cls } of runs) assert.ok(cls <= MOST_CLS, `CLS is ${cls}`);
  assert.ok(best.scriptBytes <= MOST_SCRIPT_BYTES, `the first view needs ${kilobytes} kB of script`);
});

/** The median time to the first byte of a small file, which costs the function next to nothing. */
async function gatewayDelay(page) {
  return page.evaluate(async () => {
    const times = [];
    for (let run = 0; run < 15; run += 1) {
      const address = `/?measure=${run}`;
      const began = performance.now();
      await fetch(address, { cache: 'no-store' });
      times.push(performance.now() - began);
    }
    return Math.round(times.sort((a, b) => a - b)[7]);
  });
}

/** Loads the overview with an empty cache, in a tab that gets its session from the one that is signed in. */
async function coldLoad(context, gatewayMs) {
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.addInitScript(() => {
    window.measured = { lcpMs: 0, largest: '', cls: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { tagName = '', className = '' } = entry.element ?? {};
        Object.assign(window.measured, { lcpMs: entry.startTime, largest: `${tagName}.${className}` });
      }
    }).observe({ type: 'largest-contentful-paint', buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.measured.cls += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto('/');
  await page.getByRole('list', { name: 'Numbers of now' }).waitFor();
  await page.waitForLoadState('networkidle');
  const { measured, answers } = await page.evaluate(() => {
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const facts = ({ name, requestStart, startTime, responseEnd, encodedBodySize }) => ({
      name,
      from: requestStart || startTime,
      to: responseEnd,
      bytes: encodedBodySize,
    });
    return { measured: window.measured, answers: entries.map(facts) };
  });
  await page.close();
  const chain = longestChain(answers.filter(({ to }) => to <= measured.lcpMs));
  const delayMs = chain.reduce((sum, { from, to }) => sum + Math.min(to - from, gatewayMs), 0);
  const scripts = answers.filter(({ name }) => new URL(name).pathname.endsWith('.js'));
  return {
    ...measured,
    lcpMs: Math.round(measured.lcpMs),
    depth: chain.length,
    ownMs: Math.round(measured.lcpMs - delayMs),
    scriptBytes: scripts.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Answers that came one after the other, none asked for before the one before had come. */
function longestChain(answers) {
  const chain = [];
  for (const answer of answers.toSorted((a, b) => a.to - b.to)) {
    if (answer.from >= (chain.at(-1)?.to ?? 0)) chain.push(answer);
  }
  return chain;
}
