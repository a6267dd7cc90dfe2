// The only place that fetches: the dashboard's and the admin API, the pipeline's actions, Supabase Auth and result files.
import type {
  AuditPage,
  Config,
  Delivery,
  DeliveryPage,
  Errors,
  Health,
  JobDetail,
  JobPage,
  Me,
  Overview,
  Problem,
  Results,
  ServiceMetrics,
  SyncStatus,
  Ticket,
} from './api-types.ts';

/** What is wrong with one field of what was sent: `notifications[0].channel`; empty for the whole of it. */
export interface FieldProblem {
  field: string;
  rule: string;
}

/** An answer that is no success, or no answer at all (`status` 0). `message` is for the person who reads it. */
export class ApiError extends Error {
  readonly status: number;
  /** A problem document's title; of Supabase Auth its `error_code`. */
  readonly title: string;
  readonly retryAfterSeconds: number | null;
  readonly fields: readonly FieldProblem[];

  constructor(
    status: number,
    title: string,
    detail: string,
    retryAfterSeconds: number | null = null,
    fields: readonly FieldProblem[] = [],
  ) {
    super(detail);
    this.status = status;
    this.title = title;
    this.retryAfterSeconds = retryAfterSeconds;
    this.fields = fields;
  }
}

/** Where the token of the person who is signed in comes from. */
export interface Bearer {
  current(): Promise<string | null>;
  /** Called when the API refused the token: a new one, or null when there is none to be had. */
  renew(): Promise<string | null>;
}

let bearer: Bearer = { current: async () => null, renew: async () => null };

export function takeTokensFrom(source: Bearer): void {
  bearer = source;
}

export type Parameters = Record<string, string | null | undefined>;

export const fetchConfig = () => getPublic<Config>('/api/config');

export async function fetchHealth(signal: AbortSignal): Promise<Health> {
  // 503 carries the same document: it says which dependency is down.
  const response = await send('/api/health', { signal });
  if (response.ok || response.status === 503) return (await response.json()) as Health;
  throw await problemOf(response);
}

export const fetchMe = (tenant: string | null, signal?: AbortSignal) => get<Me>('/api/me', { tenant }, signal);

export const fetchOverview = (parameters: Parameters, signal: AbortSignal) =>
  get<Overview>('/api/dashboards', parameters, signal);

export const fetchJobs = (parameters: Parameters, signal?: AbortSignal) =>
  get<JobPage>('/api/pipelines/jobs', parameters, signal);

export const fetchJob = (id: string, tenant: string | null, signal?: AbortSignal) =>
  get<JobDetail>(`/api/pipelines/jobs/${encodeURIComponent(id)}`, { tenant }, signal);

export const fetchDeliveries = (parameters: Parameters, signal?: AbortSignal) =>
  get<DeliveryPage>('/api/pipelines/deliveries', parameters, signal);

export const fetchDelivery = (id: string, tenant: string | null, signal: AbortSignal) =>
  get<Delivery>(`/api/pipelines/deliveries/${encodeURIComponent(id)}`, { tenant }, signal);

export const fetchResults = (id: string, tenant: string | null, signal: AbortSignal) =>
  get<Results>(`/api/pipelines/results/${encodeURIComponent(id)}`, { tenant }, signal);

export const fetchErrors = (parameters: Parameters, signal: AbortSignal) =>
  get<Errors>('/api/pipelines/errors', parameters, signal);

export const fetchSyncStatus = (tenant: string | null, signal: AbortSignal) =>
  get<SyncStatus>('/api/sync-status', { tenant }, signal);

export const fetchServiceMetrics = (tenant: string | null, signal: AbortSignal) =>
  get<ServiceMetrics>('/api/service-metrics', { tenant }, signal);

export const fetchAudit = (parameters: Parameters, signal?: AbortSignal) =>
  get<AuditPage>('/api/audit', parameters, signal);

export const fetchTicket = (tenant: string | null, signal: AbortSignal) =>
  get<Ticket>('/api/realtime-ticket', { tenant }, signal);

/** Job changes since `lastEventId` as server-sent events. Not an `EventSource`, which can carry no token. */
export async function openJobStream(
  tenant: string | null,
  lastEventId: string | null,
  signal: AbortSignal,
): Promise<Response> {
  const headers = { Accept: 'text/event-stream', ...(lastEventId !== null && { 'Last-Event-ID': lastEventId }) };
  return authorised(withParameters('/api/jobs/stream', { tenant }), { headers, signal, cache: 'no-store' });
}

/** Asks the pipeline for something; gives what it answers to a wish that it noted. */
export async function postAction(webhookUrl: string, path: string, body?: unknown): Promise<unknown> {
  const response = await authorised(`${webhookUrl.replace(/\/$/, '')}${path}`, { method: 'POST', ...jsonBody(body) });
  return response.json();
}

/** A call that changes something at a path of ours; gives the answer, or null where there is nothing to say. */
export async function change<T>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  parameters: Parameters,
  body?: unknown,
): Promise<T> {
  // The answer may set the cookie that a consent is bound to.
  const init: RequestInit = { method, credentials: 'same-origin', cache: 'no-store', ...jsonBody(body) };
  const response = await authorised(withParameters(path, parameters), init);
  return parsed(await response.text()) as T;
}

/** The text of a result file. Its address opens without a token, so none is sent. */
export async function fetchResultText(url: string, signal: AbortSignal): Promise<string> {
  const response = await send(url, { signal, cache: 'no-store' });
  if (!response.ok) throw await problemOf(response);
  return response.text();
}

/** A call to Supabase Auth; its errors in its own words. */
export async function callAuth(
  config: Config,
  method: 'POST' | 'PUT',
  path: string,
  body: Record<string, unknown>,
  accessToken?: string,
): Promise<unknown> {
  const response = await send(`${config.auth_url ?? ''}${path}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(config.auth_key !== null && { apikey: config.auth_key }),
      ...(accessToken !== undefined && { Authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify(body),
    cache: 'no-store',
  });
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok) return answer;
  const words = ['msg', 'error_description', 'message'].map((name) => field(answer, name)).find(Boolean);
  const code = field(answer, 'error_code') ?? 'Sign-in failed';
  throw new ApiError(response.status, code, words ?? `The sign-in service answered ${response.status}.`);
}

export async function get<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
  const response = await authorised(withParameters(path, parameters), signal ? { signal } : {});
  return (await response.json()) as T;
}

async function getPublic<T>(path: string): Promise<T> {
  const response = await send(path, {});
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T;
}

/** Sends with the token, once more with a new one when the first is refused; throws what is no success. */
async function authorised(url: string, init: RequestInit): Promise<Response> {
  const first = await send(url, withToken(init, await bearer.current()));
  const response = first.status === 401 ? await again(url, init, first) : first;
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function again(url: string, init: RequestInit, refused: Response): Promise<Response> {
  const token = await bearer.renew();
  return token === null ? refused : send(url, withToken(init, token));
}

function withToken(init: RequestInit, token: string | null): RequestInit {
  if (token === null) return init;
  return { ...init, headers: { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` } };
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    const where = new URL(url, location.href).origin === location.origin ? 'The dashboard' : new URL(url).host;
    throw new ApiError(0, 'No answer', `${where} cannot be reached. Check the network, then try again.`);
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  const problem = parsed(await response.text().catch(() => '')) as Partial<Problem> | null;
  const after = Number(response.headers.get('Retry-After'));
  return new ApiError(
    response.status,
    field(problem, 'title') ?? `Status ${response.status}`,
    field(problem, 'detail') ?? `The answer was ${response.status}, without a reason. Try again.`,
    Number.isFinite(after) && after > 0 ? after : null,
    fieldProblems(problem),
  );
}

function fieldProblems(problem: unknown): FieldProblem[] {
  const errors = (problem as { errors?: unknown } | null)?.errors;
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    const rule = field(error, 'rule');
    return rule === undefined ? [] : [{ field: field(error, 'field') ?? '', rule }];
  });
}

function jsonBody(body: unknown): RequestInit {
  if (body === undefined) return {};
  return { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

function withParameters(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function field(answer: unknown, name: string): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const value = (answer as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
