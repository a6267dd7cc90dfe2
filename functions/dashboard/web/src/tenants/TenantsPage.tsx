// Whose business runs here? For platform admins.
import { useState } from 'preact/hooks';
import type { Tenant } from '../admin-types.ts';
import { createTenant, fetchTenants, fetchUsers } from '../admin.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { count } from '../time.ts';
import { TextField } from '../ui/Field.tsx';
import { FormDialog } from '../ui/FormDialog.tsx';
import { Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { Link } from '../ui/Link.tsx';
import { Cell, PlainTable, RowHead } from '../ui/PlainTable.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { useSend } from '../useSend.ts';

export function TenantsPage() {
  const { me } = useViewer();
  if (me.is_platform_admin) return <TenantList />;
  return (
    <Page title="Tenants">
      <Empty title="This is for platform admins.">
        They run the installation, and make a tenant for each business. Yours is {me.tenant.name}.
      </Empty>
    </Page>
  );
}

/** Whether invitations are sent is the installation's; any tenant's users tell it. */
async function fetchAll(signal: AbortSignal) {
  const [{ tenants }, { sends_invitations }] = await Promise.all([fetchTenants(signal), fetchUsers(null, signal)]);
  return { tenants, sends_invitations };
}

function TenantList() {
  const { view, reload } = useView('tenants', fetchAll);
  const [isAsked, setAsked] = useState(false);
  const done = (tenant: Tenant) => {
    setAsked(false);
    showToast(`${tenant.name} is made.`, 'good');
    reload();
  };
  const make = view.state === 'ready' && (
    <button type="button" class="button is-main" onClick={() => setAsked(true)}>
      <Icon name="plus" /> Make a tenant
    </button>
  );
  return (
    <Page title="Tenants" actions={make}>
      <Show view={view} reload={reload} skeleton={<Skeleton rows={4} height={52} />}>
        {({ tenants, sends_invitations }) => (
          <>
            <div class="card">
              <TenantTable tenants={tenants} />
            </div>
            {isAsked && (
              <MakeTenant sendsInvitations={sends_invitations} onClose={() => setAsked(false)} onDone={done} />
            )}
          </>
        )}
      </Show>
    </Page>
  );
}

function TenantTable({ tenants }: { tenants: readonly Tenant[] }) {
  const { me } = useViewer();
  return (
    <PlainTable label="Tenants" hasActions columns={['Name', 'Users', 'Connections', 'Since', 'What can be done']}>
      {tenants.map((tenant) => {
        const isOwn = tenant.tenant_id === me.own_tenant_id;
        return (
          <tr role="row" key={tenant.tenant_id}>
            <RowHead>
              <Line text={tenant.name} most={100} />
              {isOwn && <span class="muted"> (your own)</span>}
            </RowHead>
            <Cell label="Users">{count(tenant.users)}</Cell>
            <Cell label="Connections">{count(tenant.connections)}</Cell>
            <Cell label="Since">
              <RelativeTime at={tenant.created_at} isStop />
            </Cell>
            <Cell class="row-actions">
              <Link
                class="button is-small"
                href="/"
                query={{ tenant: isOwn ? null : tenant.tenant_id }}
                aria-label={`Open ${tenant.name}`}
              >
                Open
              </Link>
            </Cell>
          </tr>
        );
      })}
    </PlainTable>
  );
}

interface MakeProps {
  sendsInvitations: boolean;
  onClose: () => void;
  onDone: (tenant: Tenant) => void;
}

function MakeTenant({ sendsInvitations, onClose, onDone }: MakeProps) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [userId, setUserId] = useState('');
  const sending = useSend(['name', 'admin_email', 'admin_user_id']);
  const submit = async () => {
    const id = sendsInvitations ? {} : { admin_user_id: userId.trim() };
    onDone(await createTenant({ name: name.trim(), admin_email: email.trim(), ...id }));
  };
  return (
    <FormDialog title="Make a tenant" submitLabel="Make tenant" sending={sending} onSubmit={submit} onClose={onClose}>
      <TextField
        label="Name of the business"
        help="As its people call it."
        maxLength={100}
        value={name}
        onInput={setName}
        problem={sending.problemOf('name')}
        isFirst
      />
      <TextField
        label="E-mail of its first admin"
        help={sendsInvitations ? 'An invitation goes there at once.' : undefined}
        type="email"
        value={email}
        onInput={setEmail}
        problem={sending.problemOf('admin_email')}
      />
      {!sendsInvitations && (
        <TextField
          label="User id of its first admin"
          help="This installation sends no invitations: make the user at Supabase Auth first, then copy the id from there."
          value={userId}
          onInput={setUserId}
          problem={sending.problemOf('admin_user_id')}
        />
      )}
    </FormDialog>
  );
}
