// A labelled input with its help and with what is wrong with it, for the eye and for a screen reader.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { visible } from '../text.ts';
import { Icon } from './Icon.tsx';

interface FrameProps {
  label: string;
  help?: ComponentChildren;
  problem?: string | null;
}

interface TextProps extends FrameProps {
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'email' | 'password';
  name?: string;
  placeholder?: string;
  autocomplete?: 'off' | 'new-password' | 'email';
  maxLength?: number;
  rows?: number;
  isFirst?: boolean;
}

/** A line of text; several where `rows` says so. */
export function TextField(props: TextProps) {
  const { label, help, problem = null, value, onInput, rows, isFirst, ...input } = props;
  return (
    <Field label={label} help={help} problem={problem}>
      {(ids) =>
        rows === undefined ? (
          <input
            {...ids}
            {...input}
            // The types know each kind of input for itself; what is set here all of them have.
            type={(input.type ?? 'text') as 'text'}
            autocomplete={input.autocomplete ?? 'off'}
            autofocus={isFirst}
            spellcheck={false}
            value={value}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
        ) : (
          <textarea
            {...ids}
            rows={rows}
            placeholder={input.placeholder}
            spellcheck={false}
            value={value}
            onInput={(event) => onInput(event.currentTarget.value)}
          />
        )
      }
    </Field>
  );
}

interface SelectProps extends FrameProps {
  value: string;
  options: ReadonlyArray<{ value: string; label: string }>;
  onChange: (value: string) => void;
  name?: string;
}

export function SelectField({ label, help, problem = null, value, options, onChange, name }: SelectProps) {
  return (
    <Field label={label} help={help} problem={problem}>
      {(ids) => (
        <span class="select is-field">
          <select {...ids} name={name} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
            {options.map((option) => (
              <option key={option.value} value={option.value}>
                {option.label}
              </option>
            ))}
          </select>
        </span>
      )}
    </Field>
  );
}

interface Ids {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean;
}

interface FieldProps extends FrameProps {
  problem: string | null;
  children: (ids: Ids) => ComponentChildren;
}

function Field({ label, help, problem, children }: FieldProps) {
  const id = useId();
  const described = [help && `${id}-help`, problem !== null && `${id}-problem`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': problem !== null })}
      {help && (
        <p class="muted small" id={`${id}-help`}>
          {help}
        </p>
      )}
      {problem !== null && <ProblemLine id={`${id}-problem`} text={problem} />}
    </div>
  );
}

/** What is wrong, in the words of whoever refused it. */
export function ProblemLine({ id, text }: { id?: string; text: string }) {
  return (
    <p class="field-problem" id={id} role="alert">
      <Icon name="warning" /> <span>{visible(text)}</span>
    </p>
  );
}
