import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectedIn } from '../consent-end.ts';
import { hasArrived, shopDomain } from './arrivals.ts';

const connection = (connection_id: string, state: 'HEALTHY' | 'NEEDS_AUTHORISATION' | 'RATE_LIMITED', provider = 'xero') =>
  ({ connection_id, state, provider }) as const as Parameters<typeof hasArrived>[0][number];

test('a new account has arrived, and one that lets us in again', () => {
  const before = [connection('1', 'NEEDS_AUTHORISATION'), connection('2', 'HEALTHY')];
  assert.equal(hasArrived(before, before, 'xero'), false);
  assert.equal(hasArrived(before, [...before, connection('3', 'HEALTHY')], 'xero'), true);
  assert.equal(hasArrived(before, [connection('1', 'HEALTHY')], 'xero'), true);
});

test('what another provider, or the rate limit, does is no arrival', () => {
  const before = [connection('2', 'HEALTHY')];
  assert.equal(hasArrived(before, [...before, connection('3', 'HEALTHY', 'asana')], 'xero'), false);
  assert.equal(hasArrived(before, [connection('2', 'RATE_LIMITED')], 'xero'), false);
  assert.equal(hasArrived(before, [...before, connection('3', 'NEEDS_AUTHORISATION')], 'xero'), false);
});

test('a shop is known by its domain at Shopify, however it is typed', () => {
  for (const typed of ['demo-shop', 'Demo-Shop.myshopify.com', ' https://demo-shop.myshopify.com/admin ']) {
    assert.equal(shopDomain(typed), 'demo-shop.myshopify.com');
  }
  for (const typed of ['', 'demo.example.com', '-demo', 'demo shop', 'a.b.myshopify.com', 'demo.myshopify.com.evil.com']) {
    assert.equal(shopDomain(typed), null, typed);
  }
});

test('only the page of the connections takes word of a consent, and only of a provider that has one', () => {
  const at = (path: string, query: string) => connectedIn(path, new URLSearchParams(query));
  assert.equal(at('/connections', 'connected=xero'), 'xero');
  assert.equal(at('/jobs', 'connected=xero'), null);
  assert.equal(at('/connections', 'connected=Your%20bank'), null);
  assert.equal(at('/connections', ''), null);
});
