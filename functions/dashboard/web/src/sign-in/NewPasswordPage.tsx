// Whoever was invited, or has lost a password, chooses one before anything else.
import { useState } from 'preact/hooks';
import { choosePassword, type NewPassword } from '../auth.ts';
import { ProblemLine, TextField } from '../ui/Field.tsx';
import { Page } from '../ui/Frame.tsx';
import { useSend } from '../useSend.ts';

const LEAST_CHARACTERS = 8;

export function NewPasswordPage({ because }: { because: NewPassword }) {
  const [password, setPassword] = useState('');
  const [isTooShort, setTooShort] = useState(false);
  const sending = useSend();
  const submit = (event: Event) => {
    event.preventDefault();
    const tooShort = password.length < LEAST_CHARACTERS;
    setTooShort(tooShort);
    if (!tooShort && !sending.isBusy) void sending.send(() => choosePassword(password));
  };
  return (
    <div class="sign-in-card">
      <Page title={because === 'invite' ? 'Welcome to Zixly' : 'Choose a new password'}>
        <form class="sign-in" onSubmit={submit} noValidate>
          {because === 'invite' && <p>Choose a password; with it and your e-mail address you sign in from now on.</p>}
          <TextField
            label="New password"
            type="password"
            name="password"
            autocomplete="new-password"
            help={`At least ${LEAST_CHARACTERS} characters; a few words are easy to keep and hard to guess.`}
            value={password}
            onInput={setPassword}
            problem={isTooShort ? `It has ${password.length} characters; ${LEAST_CHARACTERS} are the least.` : null}
          />
          {sending.problem !== null && <ProblemLine text={sending.problem} />}
          <button type="submit" class="button is-main" disabled={sending.isBusy}>
            {sending.isBusy ? 'One moment…' : 'Set password and go on'}
          </button>
        </form>
      </Page>
    </div>
  );
}
