// The settings of a workflow as a form holds them, and back. What this version does not know stays as it is. Pure.
import type { SettingField } from './workflows.ts';

export type Settings = Record<string, unknown>;

export type Channel =
  | { to: 'slack'; team: string; channel: string }
  | { to: 'slack_webhook'; webhook: string }
  /** The addresses as they are typed: one a line, or with commas. */
  | { to: 'email'; addresses: string }
  /** One that this version does not know: shown as such, and saved as it was. */
  | { to: 'other'; value: unknown };

export interface Draft {
  values: Record<string, string>;
  notifications: readonly Channel[];
}

export function draftOf(settings: Settings, fields: readonly SettingField[]): Draft {
  const values: Record<string, string> = {};
  for (const { name, kind } of fields) {
    const value = settings[name];
    if (kind === 'list') values[name] = Array.isArray(value) ? value.join('\n') : '';
    else values[name] = typeof value === 'string' ? value : '';
  }
  const channels = Array.isArray(settings['notifications']) ? settings['notifications'] : [];
  return { values, notifications: channels.map(channelOf) };
}

/** What is saved: fields that are empty are left out, so that their default holds. */
export function settingsOf(draft: Draft, before: Settings, fields: readonly SettingField[]): Settings {
  const settings = { ...before };
  for (const { name, kind } of fields) {
    const typed = draft.values[name] ?? '';
    const value = kind === 'list' ? listOf(typed) : typed.trim();
    if (value.length === 0) delete settings[name];
    else settings[name] = value;
  }
  if (draft.notifications.length === 0) delete settings['notifications'];
  else settings['notifications'] = draft.notifications.map(wireOf);
  return settings;
}

/** The words of a list: at line breaks, commas and blanks. */
export function listOf(typed: string): string[] {
  return typed.split(/[\s,;]+/).filter(Boolean);
}

/** The paths of all fields that the form shows. */
export function shownFields(draft: Draft, fields: readonly SettingField[]): string[] {
  const channels = draft.notifications.flatMap((channel, at) => {
    const parts = { slack: ['team', 'channel'], slack_webhook: ['webhook'], email: ['addresses'], other: [] }[channel.to];
    return parts.map((part) => `notifications[${at}].${part}`);
  });
  // The whole channel comes last: it takes what none of its parts has taken.
  return [...fields.map(({ name }) => name), ...channels, ...draft.notifications.map((_, at) => `notifications[${at}]`)];
}

function channelOf(value: unknown): Channel {
  const { to, team, channel, webhook, addresses } = (value ?? {}) as Record<string, unknown>;
  if (to === 'slack') return { to, team: String(team ?? ''), channel: String(channel ?? '') };
  if (to === 'slack_webhook') return { to, webhook: String(webhook ?? '') };
  if (to === 'email') return { to, addresses: Array.isArray(addresses) ? addresses.join('\n') : '' };
  return { to: 'other', value };
}

function wireOf(channel: Channel): unknown {
  switch (channel.to) {
    case 'slack':
      return { to: 'slack', team: channel.team, channel: channel.channel.trim() };
    case 'email':
      return { to: 'email', addresses: listOf(channel.addresses) };
    case 'slack_webhook':
      return channel;
    case 'other':
      return channel.value;
  }
}
