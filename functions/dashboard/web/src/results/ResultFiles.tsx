// The files that a job left: size, until when the address is good, a look into it, a download.
import { useState } from 'preact/hooks';
import type { ResultFile } from '../api-types.ts';
import { fetchResults, fetchResultText } from '../api.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { safeLink } from '../text.ts';
import { bytes } from '../time.ts';
import { Card, Empty, ErrorNote, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { JsonTree } from '../ui/JsonTree.tsx';
import { Block, Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { type Preview, previewOf, whyNoPreview } from './preview.ts';

export function ResultFiles({ jobId, names }: { jobId: string; names: readonly string[] }) {
  const { tenant } = useViewer();
  const { view, reload } = useView(`results|${tenant ?? ''}|${jobId}|${names.join()}`, (signal) =>
    fetchResults(jobId, tenant, signal),
  );
  return (
    <Card title="Results" id="results">
      <Show view={view} reload={reload} skeleton={<Skeleton rows={names.length} height={56} />}>
        {({ results }) =>
          results.length === 0 ? (
            <Empty title="The files are gone.">They are kept for a limited time.</Empty>
          ) : (
            <ul class="entries">
              {results.map((file) => (
                <FileEntry key={file.name} file={file} onExpired={reload} />
              ))}
            </ul>
          )
        }
      </Show>
    </Card>
  );
}

function FileEntry({ file, onExpired }: { file: ResultFile; onExpired: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const reason = whyNoPreview(file.content_type, file.size_bytes);
  const address = safeLink(file.url);
  // An address that is no longer good is asked for anew before it is followed.
  const refresh = (event: Event) => {
    if (Date.parse(file.expires_at) > Date.now()) return;
    event.preventDefault();
    onExpired();
  };
  return (
    <li>
      <div class="entry-head">
        <span class="entry-title">
          <Line text={file.name} most={120} />
        </span>
        <button
          type="button"
          class="button is-small"
          aria-expanded={isOpen}
          aria-label={`Preview ${file.name}`}
          disabled={reason !== null}
          onClick={() => setOpen(!isOpen)}
        >
          Preview
        </button>
        {address && (
          <a
            class="button is-small"
            href={address}
            target="_blank"
            rel="noopener noreferrer"
            aria-label={`Download ${file.name}`}
            onClick={refresh}
          >
            <Icon name="download" /> Download
          </a>
        )}
      </div>
      <p class="muted small">
        {file.content_type} · {file.size_bytes === null ? 'size not known' : bytes(file.size_bytes)} · address good until{' '}
        <RelativeTime at={file.expires_at} isStop />
        {reason && ` · ${reason}`}
      </p>
      {isOpen && (
        <section aria-label={`Content of ${file.name}`}>
          <FilePreview file={file} />
        </section>
      )}
    </li>
  );
}

function FilePreview({ file }: { file: ResultFile }) {
  const { view, reload } = useView(`file|${file.url}`, (signal) => fetchResultText(file.url, signal));
  if (view.state === 'failed') return <ErrorNote error={view.error} onRetry={reload} />;
  if (view.state === 'loading') return <Skeleton rows={3} />;
  return <Shown preview={previewOf(file.content_type, view.data)} name={file.name} />;
}

function Shown({ preview, name }: { preview: Preview; name: string }) {
  switch (preview.kind) {
    case 'json':
      return <JsonTree value={preview.value} label={name} />;
    case 'lines':
      return (
        <>
          <JsonTree value={preview.values} label={name} />
          {preview.broken > 0 && <p class="muted small">{preview.broken} lines are no JSON and are not shown.</p>}
        </>
      );
    case 'text':
      return <Block text={preview.text} most={4_000} label={name} />;
  }
}
