// Turns a workflow on, and off again after a question.
import { useId, useState } from 'preact/hooks';
import type { Workflow } from '../admin-types.ts';
import { setWorkflow } from '../admin.ts';
import { asApiError } from '../load.ts';
import { useViewer } from '../me.ts';
import { Confirm } from '../ui/Dialog.tsx';
import { showToast } from '../ui/Toast.tsx';

interface Props {
  workflow: Workflow;
  onChange: (workflow: Workflow) => void;
}

/** Changes that alone: what is in a form beside it stays unsaved. */
export function Switch({ workflow, onChange }: Props) {
  const { tenant } = useViewer();
  const labelId = useId();
  const [isAsked, setAsked] = useState(false);
  const { job_type, is_enabled, settings } = workflow;
  const put = async (isOn: boolean) => {
    onChange(await setWorkflow(tenant, job_type, isOn, settings));
    setAsked(false);
    showToast(`${job_type} is ${isOn ? 'on' : 'off'}.`, 'good');
  };
  const press = () => {
    if (is_enabled) return setAsked(true);
    put(true).catch((cause: unknown) => showToast(asApiError(cause).message, 'problem'));
  };
  return (
    <span class="switch">
      <button type="button" role="switch" aria-checked={is_enabled} aria-labelledby={labelId} onClick={press} />
      <span id={labelId}>
        <span class="sr-only">{job_type}: </span>
        {is_enabled ? 'On' : 'Off'}
      </span>
      {isAsked && (
        <Confirm
          title="Switch this workflow off?"
          confirmLabel="Switch off"
          isDangerous
          onConfirm={() => put(false)}
          onClose={() => setAsked(false)}
        >
          <p>
            <strong>{job_type}</strong>
          </p>
          <p>Events that come while it is off start nothing, and nobody goes back to them later. Jobs that have begun go on.</p>
        </Confirm>
      )}
    </span>
  );
}
