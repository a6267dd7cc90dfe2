// Sending what somebody has filled in: whether it is on its way, and what was wrong with it.
import { useState } from 'preact/hooks';
import type { ApiError } from './api.ts';
import { asApiError } from './load.ts';
import { problemOf, problemOfWhole } from './problems.ts';

export interface Sending {
  isBusy: boolean;
  /** What is wrong with the whole; null where it is said at the fields, or nothing is wrong. */
  problem: string | null;
  /** What is wrong with this field, by its path. */
  problemOf: (field: string) => string | null;
  send: (work: () => Promise<void>) => Promise<void>;
}

/** `fields` are the paths of the fields that are shown; what is said of others is said of the whole. */
export function useSend(fields: readonly string[] = []): Sending {
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const send = async (work: () => Promise<void>) => {
    setBusy(true);
    setFailed(null);
    try {
      await work();
    } catch (cause) {
      setFailed(asApiError(cause));
    }
    setBusy(false);
  };
  return {
    isBusy,
    problem: failed && problemOfWhole(failed.fields, fields, failed.message),
    problemOf: (field) => failed && problemOf(failed.fields, fields, field),
    send,
  };
}
