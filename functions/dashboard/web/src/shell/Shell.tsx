// The frame around every view: brand, navigation, who is signed in. `index.html` paints the same before any script.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useShortcut } from '../keyboard.ts';
import { type Viewer, whyNotAdmin } from '../me.ts';
import { hrefTo, navigate, usePlace } from '../router.ts';
import { Icon, type IconName } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { Account } from './Account.tsx';
import { Help } from './Help.tsx';
import { LiveBadge } from './LiveBadge.tsx';

interface Entry {
  path: string;
  label: string;
  icon: IconName;
  keys: string;
  isForPlatform?: boolean;
}

const ENTRIES: readonly Entry[] = [
  { path: '/', label: 'Overview', icon: 'overview', keys: 'g o' },
  { path: '/jobs', label: 'Jobs', icon: 'jobs', keys: 'g j' },
  { path: '/deliveries', label: 'Deliveries', icon: 'deliveries', keys: 'g d' },
  { path: '/errors', label: 'Errors', icon: 'errors', keys: 'g e' },
  { path: '/connections', label: 'Connections', icon: 'connections', keys: 'g c' },
  { path: '/service', label: 'Service', icon: 'service', keys: 'g s' },
];

/** For admins. */
const SET_UP: readonly Entry[] = [
  { path: '/workflows', label: 'Workflows', icon: 'workflows', keys: 'g w' },
  { path: '/users', label: 'Users', icon: 'users', keys: 'g u' },
  { path: '/keys', label: 'Keys', icon: 'keys', keys: 'g k' },
  { path: '/audit', label: 'Audit', icon: 'audit', keys: 'g a' },
  { path: '/tenants', label: 'Tenants', icon: 'tenants', keys: 'g t', isForPlatform: true },
];

/** `viewer` is null while nobody is signed in: the frame is there, but leads nowhere. */
export function Shell({ viewer, children }: { viewer: Viewer | null; children: ComponentChildren }) {
  const { path } = usePlace();
  const [isHelpOpen, setHelpOpen] = useState(false);
  useCurrentInSight(path);
  useShortcut('?', () => setHelpOpen(true));
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header class="rail">
        <div class="brand">
          <Mark />
          Zixly
        </div>
        <nav aria-label="Views" inert={!viewer} class={viewer ? '' : 'is-locked'}>
          <ul>
            {ENTRIES.map((entry) => (
              <NavEntry key={entry.path} entry={entry} path={path} isShown />
            ))}
          </ul>
          {viewer && <SetUpEntries viewer={viewer} path={path} />}
        </nav>
        {viewer && (
          <div class="rail-foot">
            <LiveBadge />
            <Account viewer={viewer} onHelp={() => setHelpOpen(true)} />
          </div>
        )}
      </header>
      <main id="main" tabIndex={-1}>
        {viewer && <OtherTenant viewer={viewer} />}
        {children}
      </main>
      {isHelpOpen && <Help onClose={() => setHelpOpen(false)} />}
    </>
  );
}

function SetUpEntries({ viewer, path }: { viewer: Viewer; path: string }) {
  const isAdmin = whyNotAdmin(viewer) === null;
  const entries = SET_UP.map((entry) => (
    <NavEntry
      key={entry.path}
      entry={entry}
      path={path}
      isShown={isAdmin && (!entry.isForPlatform || viewer.me.is_platform_admin)}
    />
  ));
  // The keys lead there whoever presses them: the page says why not.
  if (!isAdmin) return <>{entries}</>;
  return (
    <>
      <p class="nav-group" id="set-up">
        Set up
      </p>
      <ul aria-labelledby="set-up">{entries}</ul>
    </>
  );
}

function NavEntry({ entry, path, isShown: isEntryShown }: { entry: Entry; path: string; isShown: boolean }) {
  useShortcut(entry.keys, () => navigate(hrefTo(entry.path)));
  if (!isEntryShown) return null;
  const isCurrent = entry.path === '/' ? path === '/' : path === entry.path || path.startsWith(`${entry.path}/`);
  return (
    <li>
      <Link href={entry.path} {...(isCurrent && { 'aria-current': 'page' })}>
        <Icon name={entry.icon} />
        {entry.label}
      </Link>
    </li>
  );
}

function OtherTenant({ viewer: { me } }: { viewer: Viewer }) {
  if (me.tenant.tenant_id === me.own_tenant_id) return null;
  return (
    <p class="other-tenant">
      <Icon name="shield" />
      <span>
        You are looking at <strong>{me.tenant.name}</strong>, as a platform admin.
      </span>
      <Link href="/" query={{ tenant: null }}>
        Back to your own
      </Link>
    </p>
  );
}

/** On a narrow window the entries scroll sideways. */
function useCurrentInSight(path: string): void {
  useEffect(() => {
    document.querySelector('nav [aria-current=page]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [path]);
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M4 5h12L4 15h12" />
    </svg>
  );
}
