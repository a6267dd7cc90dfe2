// By password, or by a link in an e-mail.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { sendSignInLink, signInWithPassword } from '../auth.ts';
import type { Config } from '../api-types.ts';
import { Page } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';

type Progress = { state: 'idle' | 'busy' } | { state: 'problem' | 'sent'; text: string };

export function SignInPage({ config, notice }: { config: Config; notice: string | null }) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [progress, setProgress] = useState<Progress>({ state: 'idle' });
  const isBusy = progress.state === 'busy';

  const run = async (work: () => Promise<Progress>) => {
    setProgress({ state: 'busy' });
    try {
      setProgress(await work());
    } catch (error) {
      const text = error instanceof ApiError ? error.message : 'Sign-in failed. Try again.';
      setProgress({ state: 'problem', text });
    }
  };
  const byPassword = (event: Event) => {
    event.preventDefault();
    if (!email || !password) return setProgress({ state: 'problem', text: 'Enter your e-mail address and password.' });
    void run(async () => {
      await signInWithPassword(email.trim(), password);
      return { state: 'idle' };
    });
  };
  const byLink = () => {
    if (!email) return setProgress({ state: 'problem', text: 'Enter your e-mail address first.' });
    void run(async () => {
      await sendSignInLink(email.trim());
      return { state: 'sent', text: `If ${email.trim()} is known here, a link is on its way. Open it in this browser.` };
    });
  };

  if (config.auth_url === null) {
    return (
      <SignInFrame>
        <p class="note is-problem">Nobody can sign in: this installation has no sign-in service configured.</p>
      </SignInFrame>
    );
  }
  return (
    <SignInFrame>
      {notice && (
        <p class="note" role="status">
          {notice}
        </p>
      )}
      <form class="sign-in" onSubmit={byPassword} noValidate>
        <label class="field">
          <span>E-mail</span>
          <input
            type="email"
            name="email"
            autocomplete="username"
            value={email}
            onInput={(event) => setEmail(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Password</span>
          <input
            type="password"
            name="password"
            autocomplete="current-password"
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <div class="form-answer" role="alert">
          {progress.state === 'problem' && (
            <p class="field-problem">
              <Icon name="warning" /> {progress.text}
            </p>
          )}
          {progress.state === 'sent' && <p class="field-good">{progress.text}</p>}
        </div>
        <button type="submit" class="button is-main" disabled={isBusy}>
          {isBusy ? 'One moment…' : 'Sign in'}
        </button>
        <button type="button" class="button" disabled={isBusy} onClick={byLink}>
          E-mail me a sign-in link
        </button>
      </form>
      <p class="muted small">
        You stay signed in while a tab of this browser shows the dashboard; nothing is stored on this device.
      </p>
    </SignInFrame>
  );
}

function SignInFrame({ children }: { children: ComponentChildren }) {
  return (
    <div class="sign-in-card">
      <Page title="Sign in">{children}</Page>
    </div>
  );
}
