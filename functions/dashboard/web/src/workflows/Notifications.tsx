// Who is told what a job has done: channels to add and take away.
import type { ComponentChildren } from 'preact';
import type { Connection } from '../api-types.ts';
import { SelectField, ProblemLine, TextField } from '../ui/Field.tsx';
import { Icon } from '../ui/Icon.tsx';
import type { Channel } from './settings.ts';
import { accountOptions } from './SettingInput.tsx';

interface Props {
  channels: readonly Channel[];
  connections: readonly Connection[];
  problemOf: (field: string) => string | null;
  onChange: (channels: readonly Channel[]) => void;
}

const WORDS: Record<Channel['to'], string> = {
  slack: 'Slack channel',
  slack_webhook: 'Slack incoming webhook',
  email: 'E-mail',
  other: 'Of another version',
};

export function Notifications({ channels, connections, problemOf, onChange }: Props) {
  const put = (at: number, channel: Channel) => onChange(channels.map((other, index) => (index === at ? channel : other)));
  const accountOf = (isFit: (id: string) => boolean) =>
    connections.find(({ provider, account_id }) => provider === 'slack' && isFit(account_id))?.account_id ?? '';
  const add = (channel: Channel) => onChange([...channels, channel]);
  return (
    <fieldset class="channels">
      <legend>Who is told</legend>
      {channels.length === 0 && <p class="muted small">Nobody; what a job has done is seen here only.</p>}
      {channels.map((channel, at) => (
        <ChannelEntry
          key={at}
          number={at + 1}
          channel={channel}
          problem={problemOf(`notifications[${at}]`)}
          onRemove={() => onChange(channels.filter((_, index) => index !== at))}
        >
          <ChannelFields
            channel={channel}
            connections={connections}
            problemOf={(part) => problemOf(`notifications[${at}].${part}`)}
            onChange={(changed) => put(at, changed)}
          />
        </ChannelEntry>
      ))}
      <div class="buttons">
        <AddButton label="Slack channel" onPress={() => add({ to: 'slack', team: accountOf(isTeam), channel: '' })} />
        <AddButton
          label="Slack incoming webhook"
          onPress={() => add({ to: 'slack_webhook', webhook: accountOf(isWebhook) })}
        />
        <AddButton label="E-mail" onPress={() => add({ to: 'email', addresses: '' })} />
      </div>
    </fieldset>
  );
}

interface EntryProps {
  number: number;
  channel: Channel;
  problem: string | null;
  onRemove: () => void;
  children: ComponentChildren;
}

function ChannelEntry({ number, channel, problem, onRemove, children }: EntryProps) {
  const name = `${WORDS[channel.to]}, number ${number}`;
  return (
    <div class="channel" role="group" aria-label={name}>
      <div class="channel-head">
        <strong>{WORDS[channel.to]}</strong>
        <button type="button" class="icon-button" aria-label={`Take away: ${name}`} data-tip="Take away" onClick={onRemove}>
          <Icon name="close" />
        </button>
      </div>
      {children}
      {problem !== null && <ProblemLine text={problem} />}
    </div>
  );
}

interface FieldsProps {
  channel: Channel;
  connections: readonly Connection[];
  problemOf: (part: string) => string | null;
  onChange: (channel: Channel) => void;
}

function ChannelFields({ channel, connections, problemOf, onChange }: FieldsProps) {
  switch (channel.to) {
    case 'slack':
      return (
        <div class="field-row">
          <SelectField
            label="Workspace"
            value={channel.team}
            options={accountOptions('slack', connections, channel.team, 'choose one that is connected', isTeam)}
            onChange={(team) => onChange({ ...channel, team })}
            problem={problemOf('team')}
          />
          <TextField
            label="Id of the channel"
            help="At the end of the channel's details in Slack."
            placeholder="C024BE91L"
            value={channel.channel}
            onInput={(id) => onChange({ ...channel, channel: id })}
            problem={problemOf('channel')}
          />
        </div>
      );
    case 'slack_webhook':
      return (
        <SelectField
          label="Incoming webhook"
          help="Connect one under Connections; it is bound to its channel."
          value={channel.webhook}
          options={accountOptions('slack', connections, channel.webhook, 'choose one that is connected', isWebhook)}
          onChange={(webhook) => onChange({ ...channel, webhook })}
          problem={problemOf('webhook')}
        />
      );
    case 'email':
      return (
        <TextField
          label="Addresses"
          help="One a line."
          placeholder="office@example.com"
          rows={2}
          value={channel.addresses}
          onInput={(addresses) => onChange({ ...channel, addresses })}
          problem={problemOf('addresses')}
        />
      );
    case 'other':
      return <p class="muted small">This page does not know it; it stays as it is.</p>;
  }
}

function AddButton({ label, onPress }: { label: string; onPress: () => void }) {
  return (
    <button type="button" class="button is-small" aria-label={`Add: ${label}`} onClick={onPress}>
      <Icon name="plus" /> {label}
    </button>
  );
}

/** A workspace that a bot's token opens has one id; an incoming webhook has two. */
const isTeam = (accountId: string) => !accountId.includes('/');
const isWebhook = (accountId: string) => accountId.includes('/');
