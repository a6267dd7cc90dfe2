// Who gets in, and what may each of them do? For admins.
import { useState } from 'preact/hooks';
import type { Role, User, Users } from '../admin-types.ts';
import { changeRole, fetchUsers, inviteUser, removeUser } from '../admin.ts';
import { useView } from '../load.ts';
import { useViewer } from '../me.ts';
import { ActionButton } from '../ui/ActionButton.tsx';
import { AdminOnly } from '../ui/AdminOnly.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { SelectField, TextField } from '../ui/Field.tsx';
import { FormDialog } from '../ui/FormDialog.tsx';
import { Page, Show, Skeleton } from '../ui/Frame.tsx';
import { Icon } from '../ui/Icon.tsx';
import { PlainTable, Cell, RowHead } from '../ui/PlainTable.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';
import { showToast } from '../ui/Toast.tsx';
import { useSend } from '../useSend.ts';
import { ROLES, whyFixed } from './users.ts';

type Asked = { what: 'invite' } | { what: 'role' | 'remove'; user: User };

export function UsersPage() {
  return (
    <AdminOnly title="Users">
      <UserList />
    </AdminOnly>
  );
}

function UserList() {
  const { tenant } = useViewer();
  const { view, reload } = useView(`users|${tenant ?? ''}`, (signal) => fetchUsers(tenant, signal));
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const done = (text: string) => {
    close();
    showToast(text, 'good');
    reload();
  };
  const invite = view.state === 'ready' && (
    <button type="button" class="button is-main" onClick={() => setAsked({ what: 'invite' })}>
      <Icon name="plus" /> Invite somebody
    </button>
  );
  return (
    <Page title="Users" actions={invite}>
      <Show view={view} reload={reload} skeleton={<Skeleton rows={4} height={52} />}>
        {(data) => (
          <>
            <div class="card">
              <UserTable users={data.users} onAsk={setAsked} />
            </div>
            {asked?.what === 'invite' && <Invite users={data} onClose={close} onDone={done} />}
            {asked?.what === 'role' && <ChangeRole user={asked.user} onClose={close} onDone={done} />}
            {asked?.what === 'remove' && <Remove user={asked.user} onClose={close} onDone={done} />}
          </>
        )}
      </Show>
    </Page>
  );
}

function UserTable({ users, onAsk }: { users: readonly User[]; onAsk: (asked: Asked) => void }) {
  const { me } = useViewer();
  return (
    <PlainTable label="Users" hasActions columns={['E-mail', 'Role', 'Since', 'What can be done']}>
      {users.map((user) => {
        const whyNot = whyFixed(user, users, me.user_id);
        return (
          <tr role="row" key={user.user_id}>
            <RowHead>
              <Line text={user.email} most={254} />
              {user.user_id === me.user_id && <span class="muted"> (you)</span>}
            </RowHead>
            <Cell label="Role">{user.role}</Cell>
            <Cell label="Since">
              <RelativeTime at={user.created_at} isStop />
            </Cell>
            <Cell class="row-actions">
              <ActionButton
                isSmall
                whyNot={whyNot}
                label={`Change role of ${user.email}`}
                onPress={() => onAsk({ what: 'role', user })}
              >
                Change role
              </ActionButton>
              <ActionButton
                isSmall
                whyNot={whyNot}
                label={`Remove ${user.email}`}
                onPress={() => onAsk({ what: 'remove', user })}
              >
                Remove
              </ActionButton>
            </Cell>
          </tr>
        );
      })}
    </PlainTable>
  );
}

interface DialogProps {
  onClose: () => void;
  onDone: (text: string) => void;
}

function Invite({ users, onClose, onDone }: DialogProps & { users: Users }) {
  const { tenant } = useViewer();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('VIEWER');
  const [userId, setUserId] = useState('');
  const sending = useSend(['email', 'role', 'user_id']);
  const submit = async () => {
    const id = users.sends_invitations ? {} : { user_id: userId.trim() };
    const user = await inviteUser(tenant, { email: email.trim(), role, ...id });
    onDone(users.sends_invitations ? `${user.email} is invited by e-mail.` : `${user.email} may sign in now.`);
  };
  return (
    <FormDialog title="Invite somebody" submitLabel="Invite" sending={sending} onSubmit={submit} onClose={onClose}>
      <TextField
        label="E-mail"
        type="email"
        value={email}
        onInput={setEmail}
        problem={sending.problemOf('email')}
        isFirst
      />
      <RoleField role={role} onChange={setRole} problem={sending.problemOf('role')} />
      {!users.sends_invitations && (
        <TextField
          label="User id"
          help="This installation sends no invitations: make the user at Supabase Auth first, then copy the id from there."
          value={userId}
          onInput={setUserId}
          problem={sending.problemOf('user_id')}
        />
      )}
    </FormDialog>
  );
}

function ChangeRole({ user, onClose, onDone }: DialogProps & { user: User }) {
  const { tenant } = useViewer();
  const [role, setRole] = useState<Role>(user.role);
  const sending = useSend(['role']);
  const submit = async () => {
    const changed = await changeRole(tenant, user.user_id, role);
    onDone(`${changed.email} is now ${changed.role}.`);
  };
  return (
    <FormDialog title="Change the role?" submitLabel="Change role" sending={sending} onSubmit={submit} onClose={onClose}>
      <p>
        <strong>
          <Line text={user.email} most={254} />
        </strong>
      </p>
      <RoleField role={role} onChange={setRole} problem={sending.problemOf('role')} />
    </FormDialog>
  );
}

interface RoleProps {
  role: Role;
  onChange: (role: Role) => void;
  problem: string | null;
}

function RoleField({ role, onChange, problem }: RoleProps) {
  return (
    <SelectField
      label="Role"
      help={ROLES.find((known) => known.role === role)?.meaning}
      value={role}
      options={ROLES.map((known) => ({ value: known.role, label: known.role }))}
      onChange={(value) => onChange(value as Role)}
      problem={problem}
    />
  );
}

function Remove({ user, onClose, onDone }: DialogProps & { user: User }) {
  const { tenant } = useViewer();
  const confirm = async () => {
    await removeUser(tenant, user.user_id);
    onDone(`${user.email} is removed.`);
  };
  return (
    <Confirm
      title="Remove this user?"
      confirmLabel="Remove"
      isDangerous
      onConfirm={confirm}
      onClose={onClose}
    >
      <p>
        <strong>
          <Line text={user.email} most={254} />
        </strong>
      </p>
      <p>Every session ends at once, on all devices. What was done under this name stays in the audit.</p>
    </Confirm>
  );
}
