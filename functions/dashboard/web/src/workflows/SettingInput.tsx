// One setting of a workflow, as its kind wants to be entered.
import type { Connection } from '../api-types.ts';
import { SelectField, TextField } from '../ui/Field.tsx';
import type { SettingField } from './workflows.ts';

interface Props {
  field: SettingField;
  value: string;
  connections: readonly Connection[];
  problem: string | null;
  onInput: (value: string) => void;
}

export function SettingInput({ field, value, connections, problem, onInput }: Props) {
  const { label, help, fallback, kind } = field;
  if (kind === 'asana') {
    return (
      <SelectField
        label={label}
        help={help}
        value={value}
        options={accountOptions('asana', connections, value, fallback)}
        onChange={onInput}
        problem={problem}
      />
    );
  }
  return (
    <TextField
      label={label}
      help={help}
      placeholder={fallback}
      {...(kind === 'list' && { rows: 4 })}
      value={value}
      onInput={onInput}
      problem={problem}
    />
  );
}

/** The accounts of a provider to choose from; one that is gone stays to be seen while it is the chosen one. */
export function accountOptions(
  provider: string,
  connections: readonly Connection[],
  chosen: string,
  none: string,
  isFit: (accountId: string) => boolean = () => true,
): Array<{ value: string; label: string }> {
  const known = connections
    .filter((connection) => connection.provider === provider && isFit(connection.account_id))
    .map(({ account_id, account_name }) => ({ value: account_id, label: account_name }));
  const isGone = chosen !== '' && !known.some(({ value }) => value === chosen);
  return [{ value: '', label: none }, ...known, ...(isGone ? [{ value: chosen, label: `${chosen} (not connected)` }] : [])];
}
