// What the keys do, and the switch that turns them off.
import { areShortcutsOn, type Shortcut } from '../keyboard.ts';
import { useStore } from '../store.ts';
import { Dialog } from '../ui/Dialog.tsx';

const SHORTCUTS: readonly Shortcut[] = [
  { keys: '/', does: 'Search the jobs' },
  { keys: 'j', does: 'Next row' },
  { keys: 'k', does: 'Row before' },
  { keys: 'Enter', does: 'Open the row' },
  { keys: 'r', does: 'Retry the job' },
  { keys: 'c', does: 'Cancel the job' },
  { keys: 'g o', does: 'Go to the overview' },
  { keys: 'g j', does: 'Go to jobs' },
  { keys: 'g d', does: 'Go to deliveries' },
  { keys: 'g e', does: 'Go to errors' },
  { keys: 'g c', does: 'Go to connections' },
  { keys: 'g s', does: 'Go to service' },
  { keys: 'g w', does: 'Go to workflows' },
  { keys: 'g u', does: 'Go to users' },
  { keys: 'g k', does: 'Go to keys' },
  { keys: 'g a', does: 'Go to audit' },
  { keys: 'g t', does: 'Go to tenants' },
  { keys: '?', does: 'Show this list' },
  { keys: 'Esc', does: 'Close what is open' },
];

export function Help({ onClose }: { onClose: () => void }) {
  const isOn = useStore(areShortcutsOn);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="keys">
        {SHORTCUTS.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={isOn}
          onChange={(event) => areShortcutsOn.set(event.currentTarget.checked)}
        />
        Single keys do something
      </label>
    </Dialog>
  );
}
