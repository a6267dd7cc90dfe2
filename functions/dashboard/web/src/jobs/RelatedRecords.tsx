// The records in other systems that a job read or wrote.
import type { RelatedRecord } from '../api-types.ts';
import { providerName } from '../text.ts';
import { Card } from '../ui/Frame.tsx';
import { ExternalLink } from '../ui/Link.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';

const ACTIONS: Record<RelatedRecord['action'], string> = { READ: 'Read', CREATE: 'Created', UPDATE: 'Updated' };

export function RelatedRecords({ records }: { records: readonly RelatedRecord[] }) {
  if (records.length === 0) return null;
  return (
    <Card title="Related records">
      <ul class="entries">
        {records.map((record) => (
          <li key={record.system_name + record.record_type + record.record_id + record.action} class="entry-head">
            <span class="entry-title">
              {providerName(record.system_name)}{' '}
              <ExternalLink href={record.url}>
                <Line text={`${record.record_type} ${record.record_id}`} most={120} />
              </ExternalLink>
            </span>
            <span class="muted small">
              {ACTIONS[record.action]} <RelativeTime at={record.created_at} isStop />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
