// Is everything working? What needs somebody, worst first. Pure.
import type { Connection, Numbers, SyncStatus } from '../api-types.ts';
import { providerName } from '../text.ts';
import { counted } from '../time.ts';

export interface Matter {
  key: string;
  tone: 'bad' | 'warn';
  text: string;
  path: string;
  query: Record<string, string | null>;
}

const OLD_MS = 15 * 60_000;

export function mattersOf(numbers: Numbers, sync: SyncStatus | null, now: number): Matter[] {
  const matters: Matter[] = [];
  if (numbers.failed_today > 0) {
    const text = `${counted(numbers.failed_today, 'job')} failed today.`;
    matters.push({ key: 'failed', tone: 'bad', text, path: '/errors', query: { range: '24h' } });
  }
  for (const connection of sync?.connections ?? []) {
    const matter = connectionMatter(connection, sync?.jobs_waiting_for_authorisation ?? 0);
    if (matter) matters.push(matter);
  }
  const { oldest_waiting: oldest } = numbers;
  // Reauthorisation is told with its connection.
  if (oldest && oldest.reason !== 'reauthorisation' && now - Date.parse(oldest.since) > OLD_MS) {
    const text = `${oldest.about ?? 'A job'} has been waiting for a long time.`;
    matters.push({ key: 'oldest', tone: 'warn', text, path: `/jobs/${oldest.job_id}`, query: {} });
  }
  return matters.sort((a, b) => Number(a.tone === 'warn') - Number(b.tone === 'warn'));
}

function connectionMatter(connection: Connection, waiting: number): Matter | null {
  const name = `${providerName(connection.provider)}, ${connection.account_name}`;
  const place = { key: connection.connection_id, path: '/connections', query: {} };
  if (connection.state === 'NEEDS_AUTHORISATION') {
    const waits = waiting > 0 ? ` ${counted(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'} for one.` : '';
    return { ...place, tone: 'bad', text: `${name}: needs a new authorisation.${waits}` };
  }
  if (connection.state === 'RATE_LIMITED') {
    return { ...place, tone: 'warn', text: `${name}: limited by the provider for now; its jobs wait by themselves.` };
  }
  return null;
}
