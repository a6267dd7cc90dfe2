// What every view is framed by: heading, cards, skeletons and errors.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { ApiError } from '../api.ts';
import type { View } from '../load.ts';
import { clip, visible, visibleLine } from '../text.ts';
import { Icon } from './Icon.tsx';
import { Link } from './Link.tsx';
import { Line } from './Text.tsx';

export interface Crumb {
  label: string;
  href?: string;
}

interface PageProps {
  title: string;
  /** Instead of the title's text in the heading. */
  heading?: ComponentChildren;
  crumbs?: Crumb[];
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** The first page leaves the focus where the browser has put it. */
let isFirst = true;

export function Page({ title, heading, crumbs, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${visibleLine(clip(title, 80))} · Zixly`;
  }, [title]);
  // After a change of the page the reading goes on at its heading, not at the link that has gone.
  useEffect(() => {
    if (!isFirst) document.getElementById('heading')?.focus({ preventScroll: true });
    isFirst = false;
  }, []);
  return (
    <>
      {crumbs && <Breadcrumb crumbs={crumbs} />}
      <div class="page-head">
        <h1 tabIndex={-1} id="heading">
          {heading ?? title}
        </h1>
        {actions && <div class="page-actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

function Breadcrumb({ crumbs }: { crumbs: Crumb[] }) {
  return (
    <nav class="crumbs" aria-label="Breadcrumb">
      <ol>
        {crumbs.map(({ label, href }, index) => (
          <li key={label + index}>
            {href ? (
              <Link href={href}>
                <Line text={label} most={60} />
              </Link>
            ) : (
              <span aria-current="page">
                <Line text={label} most={60} />
              </span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

interface CardProps {
  title: string;
  id?: string;
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Card({ title, id, aside, class: extra = '', children }: CardProps) {
  return (
    <section class={`card ${extra}`} id={id} aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        {aside && <div class="card-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

interface ShowProps<T> {
  view: View<T>;
  reload: () => void;
  skeleton: ComponentChildren;
  children: (data: T) => ComponentChildren;
}

/** The view in whichever of its three states it is. */
export function Show<T>({ view, reload, skeleton, children }: ShowProps<T>) {
  useEffect(() => {
    // The place that the address names was not there before.
    if (view.state === 'ready' && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, [view.state]);
  if (view.state === 'loading') return <div aria-busy="true">{skeleton}</div>;
  if (view.state === 'failed') return <ErrorNote error={view.error} onRetry={reload} />;
  return (
    <>
      {view.stale && (
        <p class="stale" role="status">
          <Icon name="warning" /> Not up to date. {view.stale.message}{' '}
          <button type="button" class="link" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {children(view.data)}
    </>
  );
}

export function ErrorNote({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  return (
    <div class="note is-problem" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{error.title}</strong>
        <p>{visible(clip(error.message, 600))}</p>
        {error.retryAfterSeconds !== null && <p class="muted">Worth another try in {error.retryAfterSeconds} s.</p>}
        {onRetry && (
          <button type="button" class="button" onClick={onRetry}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  );
}

/** Grey bars in the place of what is coming; as high as it will be, so that nothing jumps. */
export function Skeleton({ rows, height = 36 }: { rows: number; height?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} style={{ height: `${height}px` }} />
      ))}
    </div>
  );
}
