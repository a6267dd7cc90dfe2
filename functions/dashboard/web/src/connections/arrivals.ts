// What has changed among the connections, and what may be connected. Pure.
import type { Connection } from '../api-types.ts';

type Known = Pick<Connection, 'connection_id' | 'provider' | 'state'>;

/** Whether an account of the provider is new, or lets us in again. */
export function hasArrived(before: readonly Known[], after: readonly Known[], provider: string): boolean {
  const isWell = ({ state }: Known) => state !== 'NEEDS_AUTHORISATION';
  const wellBefore = new Set(before.filter(isWell).map(({ connection_id }) => connection_id));
  return after.some(
    (connection) =>
      connection.provider === provider && isWell(connection) && !wellBefore.has(connection.connection_id),
  );
}

/** The domain of a shop as Shopify wants it, from what an owner types; null for what cannot be one. */
export function shopDomain(typed: string): string | null {
  const bare = typed
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '');
  const domain = bare.includes('.') ? bare : `${bare}.myshopify.com`;
  return /^[a-z0-9][a-z0-9_-]*\.myshopify\.com$/.test(domain) ? domain : null;
}

/** What an owner would look for in the provider's own words. */
export const ACCOUNT_WORDS: Record<string, string> = {
  xero: 'organisation',
  hubspot: 'portal',
  shopify: 'shop',
  asana: 'workspace',
  slack: 'workspace or channel',
};

/** What ends when it is taken away. */
export function endOf(provider: string): string {
  switch (provider) {
    case 'xero':
      return 'Paid invoices start nothing any more, and orders become no invoices.';
    case 'hubspot':
      return 'Won deals start nothing any more, and no contact or deal is written to.';
    case 'shopify':
      return 'Paid orders start nothing any more.';
    case 'asana':
      return 'Completed tasks start nothing any more, and no project is made.';
    case 'slack':
      return 'Nobody is told there any more what a job has done.';
    default:
      return 'Nothing is read or written there any more.';
  }
}
