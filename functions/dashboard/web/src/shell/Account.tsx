// Who is signed in, whose rows are shown, and the way out.
import { signOut } from '../auth.ts';
import type { Viewer } from '../me.ts';
import { currentPlace, navigate } from '../router.ts';
import { Icon } from '../ui/Icon.tsx';
import { Menu } from '../ui/Menu.tsx';

export function Account({ viewer, onHelp }: { viewer: Viewer; onHelp: () => void }) {
  const { me } = viewer;
  return (
    <Menu
      label="Account"
      class="account"
      button={
        <>
          <span class="avatar" aria-hidden="true">
            {me.email.slice(0, 1).toUpperCase()}
          </span>
          <span class="account-name">
            <span class="sr-only">Account: </span>
            <bdi>{me.tenant.name}</bdi>
            <small>
              <bdi>{me.email}</bdi>
            </small>
          </span>
        </>
      }
    >
      {(close) => (
        <>
          <dl class="facts">
            <dt>E-mail</dt>
            <dd>
              <bdi>{me.email}</bdi>
            </dd>
            <dt>Role</dt>
            <dd>{me.is_platform_admin ? `${me.role}, platform admin` : me.role}</dd>
            <dt>Tenant</dt>
            <dd>
              {me.tenants.length > 1 ? <TenantSwitch viewer={viewer} onSwitch={close} /> : <bdi>{me.tenant.name}</bdi>}
            </dd>
          </dl>
          <button
            type="button"
            class="button"
            onClick={() => {
              close();
              onHelp();
            }}
          >
            <Icon name="help" /> Keyboard shortcuts
          </button>
          <button type="button" class="button" onClick={() => void signOut()}>
            <Icon name="signout" /> Sign out everywhere
          </button>
        </>
      )}
    </Menu>
  );
}

function TenantSwitch({ viewer: { me }, onSwitch }: { viewer: Viewer; onSwitch: () => void }) {
  const choose = (id: string) => {
    onSwitch();
    // A job or a filter of one tenant means nothing in another; the kind of view does.
    const [first = ''] = currentPlace().path.split('/').filter(Boolean);
    navigate(id === me.own_tenant_id ? `/${first}` : `/${first}?tenant=${encodeURIComponent(id)}`);
  };
  return (
    <label class="select">
      <span class="sr-only">Look at tenant</span>
      <select value={me.tenant.tenant_id} onChange={(event) => choose(event.currentTarget.value)}>
        {me.tenants.map((tenant) => (
          <option key={tenant.tenant_id} value={tenant.tenant_id}>
            {tenant.name}
          </option>
        ))}
      </select>
    </label>
  );
}
