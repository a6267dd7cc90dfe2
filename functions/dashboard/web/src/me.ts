// Who looks at whose rows: given to every view by the shell.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Config, Me } from './api-types.ts';

export interface Viewer {
  me: Me;
  config: Config;
  /** The tenant of the URL, for a platform admin who looks at another; null for one's own. */
  tenant: string | null;
}

export const ViewerContext = createContext<Viewer | null>(null);

export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext);
  if (!viewer) throw new Error('a view is shown before somebody is signed in');
  return viewer;
}

/** Why this person cannot change anything here, or null when they can. */
export function whyReadOnly({ me }: Viewer): string | null {
  if (me.tenant.tenant_id !== me.own_tenant_id) {
    return 'You are looking at another tenant. Only its own people can change something there.';
  }
  if (me.role === 'VIEWER') return 'Your role is VIEWER. Ask an admin for the role EDITOR to do this.';
  return null;
}

/** Why this person may set nothing up here, or null when they may. */
export function whyNotAdmin({ me }: Viewer): string | null {
  if (me.role === 'ADMIN' || me.is_platform_admin) return null;
  return `Your role is ${me.role}. Ask an admin of ${me.tenant.name} to do this.`;
}
