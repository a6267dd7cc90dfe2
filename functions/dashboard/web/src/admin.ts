// The admin API: one function per endpoint. `tenant` is for a platform admin who sets up another one.
import type {
  ApiKeys,
  Connection,
  Connections,
  ConsentUrl,
  NewApiKey,
  NewTenant,
  NewUser,
  Role,
  ShownApiKey,
  Tenant,
  Tenants,
  User,
  Users,
  Workflow,
  WorkflowChange,
  Workflows,
} from './admin-types.ts';
import { change, get } from './api.ts';

type Of = string | null;

export const fetchTenants = (signal: AbortSignal) => get<Tenants>('/api/admin/tenants', {}, signal);

export const createTenant = (tenant: NewTenant) => change<Tenant>('POST', '/api/admin/tenants', {}, tenant);

export const fetchUsers = (tenant: Of, signal: AbortSignal) => get<Users>('/api/admin/users', { tenant }, signal);

export const inviteUser = (tenant: Of, user: NewUser) => change<User>('POST', '/api/admin/users', { tenant }, user);

export const changeRole = (tenant: Of, id: string, role: Role) =>
  change<User>('PATCH', withId('/api/admin/users', id), { tenant }, { role });

export const removeUser = (tenant: Of, id: string) => change<null>('DELETE', withId('/api/admin/users', id), { tenant });

export const fetchApiKeys = (tenant: Of, signal: AbortSignal) =>
  get<ApiKeys>('/api/admin/api-keys', { tenant }, signal);

export const createApiKey = (tenant: Of, key: NewApiKey) =>
  change<ShownApiKey>('POST', '/api/admin/api-keys', { tenant }, key);

export const revokeApiKey = (tenant: Of, id: string) =>
  change<null>('DELETE', withId('/api/admin/api-keys', id), { tenant });

export const fetchWorkflows = (tenant: Of, signal: AbortSignal) =>
  get<Workflows>('/api/admin/workflows', { tenant }, signal);

export const setWorkflow = (tenant: Of, jobType: string, isEnabled: boolean, settings: Record<string, unknown>) => {
  const wanted: WorkflowChange = { is_enabled: isEnabled, settings: settings as WorkflowChange['settings'] };
  return change<Workflow>('PUT', withId('/api/admin/workflows', jobType), { tenant }, wanted);
};

export const fetchConnections = (tenant: Of, signal: AbortSignal) =>
  get<Connections>('/api/admin/connections', { tenant }, signal);

export const connectByKey = (tenant: Of, provider: 'slack', key: string) =>
  change<Connection>('POST', '/api/admin/connections', { tenant }, { provider, key });

export const disconnect = (tenant: Of, id: string) =>
  change<null>('DELETE', withId('/api/admin/connections', id), { tenant });

/** Begins a consent; its answer binds it to this browser by a cookie. */
export const startConsent = (tenant: Of, provider: string, shop: string | null) =>
  change<ConsentUrl>('POST', `/oauth/${encodeURIComponent(provider)}/start`, { tenant }, shop === null ? {} : { shop });

function withId(path: string, id: string): string {
  return `${path}/${encodeURIComponent(id)}`;
}
