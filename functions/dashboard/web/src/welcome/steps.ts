// How far the first run has come. Pure.
import type { Workflow } from '../admin-types.ts';
import type { Connection } from '../api-types.ts';

/** `later` is one that the steps before it have to lead to. */
export type StepState = 'done' | 'now' | 'later';

export interface Progress {
  connect: StepState;
  switchOn: StepState;
  send: StepState;
  watch: StepState;
}

/** The job that was started here last; one that only tries leaves the rest to do. */
export interface Started {
  status: string;
  isDryRun: boolean;
}

export function progressOf(workflow: Workflow, job: Started | null): Progress {
  const isConnected = workflow.missing.length === 0;
  const isReady = isConnected && workflow.is_enabled;
  const isSent = job !== null && !job.isDryRun;
  return {
    connect: isConnected ? 'done' : 'now',
    switchOn: workflow.is_enabled ? 'done' : isConnected ? 'now' : 'later',
    send: isSent ? 'done' : isReady ? 'now' : 'later',
    watch: isSent && job.status === 'COMPLETED' ? 'done' : job !== null ? 'now' : 'later',
  };
}

/** Which account of each provider that the workflow needs is connected; null where none is. */
export function needsOf(
  workflow: Workflow,
  connections: readonly Connection[],
): Array<{ provider: string; connection: Connection | null; isMissing: boolean }> {
  return workflow.needs.map((provider) => {
    const own = connections.filter((connection) => connection.provider === provider);
    const connection = own.find(({ state }) => state !== 'NEEDS_AUTHORISATION') ?? own[0] ?? null;
    return { provider, connection, isMissing: workflow.missing.includes(provider) };
  });
}
