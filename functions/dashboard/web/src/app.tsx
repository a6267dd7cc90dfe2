// From nobody to somebody: configuration, session, who it is, then the view that the address names.
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Config } from './api-types.ts';
import { fetchConfig, fetchMe } from './api.ts';
import { signIn, signOut, startSession } from './auth.ts';
import { announceConsent, connectedText, consentEnd } from './consent-end.ts';
import { startLive } from './live.ts';
import { forgetShown, useView } from './load.ts';
import { ViewerContext } from './me.ts';
import { loadOverviewAhead } from './overview/OverviewPage.tsx';
import { routeOf, usePlace } from './router.ts';
import { Shell } from './shell/Shell.tsx';
import { NewPasswordPage } from './sign-in/NewPasswordPage.tsx';
import { SignInPage } from './sign-in/SignInPage.tsx';
import { useStore } from './store.ts';
import { ErrorNote, Page, Skeleton } from './ui/Frame.tsx';
import { Toasts } from './ui/Toast.tsx';
import { Tooltip } from './ui/Tooltip.tsx';
import { CurrentView } from './views.tsx';

function App() {
  const { view, reload } = useView('config', fetchConfig);
  const config = view.state === 'ready' ? view.data : null;
  useEffect(() => {
    if (config) void startSession(config);
  }, [config?.auth_url]);
  return (
    <>
      {view.state === 'failed' ? (
        <Shell viewer={null}>
          <Page title="Zixly">
            <ErrorNote error={view.error} onRetry={reload} />
          </Page>
        </Shell>
      ) : (
        <Session config={config} />
      )}
      <Toasts />
      <Tooltip />
    </>
  );
}

function Session({ config }: { config: Config | null }) {
  const state = useStore(signIn);
  useEffect(() => {
    if (state.state === 'out') forgetShown();
  }, [state.state]);
  const end = useStore(consentEnd);
  if (end?.isTaken) return <ConsentDone provider={end.provider} />;
  if (!config || state.state === 'unknown') return <Starting />;
  if (state.state === 'out') {
    const done = end && `${connectedText(end.provider)} You can close this tab, or sign in to go on here.`;
    return (
      <Shell viewer={null}>
        <SignInPage config={config} notice={state.notice ?? done} />
      </Shell>
    );
  }
  if (state.state === 'new-password') {
    return (
      <Shell viewer={null}>
        <NewPasswordPage because={state.because} />
      </Shell>
    );
  }
  return <SignedIn config={config} />;
}

function SignedIn({ config }: { config: Config }) {
  const { path, query } = usePlace();
  const tenant = query.get('tenant');
  useState(() => path === '/' && loadOverviewAhead(tenant, query));
  const { view, reload } = useView(`me|${tenant ?? ''}`, (signal) => fetchMe(tenant, signal));
  const me = view.state === 'ready' ? view.data : null;
  const viewer = useMemo(() => (me ? { me, config, tenant } : null), [me, config, tenant]);
  useEffect(() => (me ? startLive(tenant, config.has_realtime) : undefined), [me?.tenant.tenant_id]);

  if (view.state === 'failed') {
    return (
      <Shell viewer={null}>
        <Page title="Zixly">
          <ErrorNote error={view.error} onRetry={reload} />
          <button type="button" class="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </Page>
      </Shell>
    );
  }
  if (!viewer) return <Starting />;
  return (
    <ViewerContext.Provider value={viewer}>
      <Shell viewer={viewer}>
        <CurrentView key={`${tenant ?? ''}|${path}`} route={routeOf(path)} />
      </Shell>
    </ViewerContext.Provider>
  );
}

/** The tab that began goes on; this one was for the provider only. */
function ConsentDone({ provider }: { provider: string }) {
  // A browser closes what a script has opened; where it does not, the page says that one may.
  useEffect(() => window.close(), []);
  return (
    <Shell viewer={null}>
      <Page title={connectedText(provider)}>
        <p>You can close this tab. The one that you came from goes on.</p>
      </Page>
    </Shell>
  );
}

function Starting() {
  return (
    <Shell viewer={null}>
      <div class="page-head">
        <h1 tabIndex={-1} id="heading">
          Zixly
        </h1>
      </div>
      <Skeleton rows={3} height={72} />
    </Shell>
  );
}

announceConsent();
const root = document.getElementById('app');
if (root) render(<App />, root);
