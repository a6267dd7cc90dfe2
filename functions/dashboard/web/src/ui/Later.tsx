// A component that is fetched when it is first needed.
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { ErrorNote, Skeleton } from './Frame.tsx';

/** What is there already is shown at once. */
const loaded = new Map<unknown, unknown>();

interface LaterProps<P> {
  load: () => Promise<ComponentType<P>>;
  props: P;
}

/** The component once it is there; until then the skeleton of a page. */
export function Later<P extends object>({ load, props }: LaterProps<P>) {
  const [View, setView] = useState(() => (loaded.get(load) ?? null) as ComponentType<P> | null);
  const [isFailed, setFailed] = useState(false);
  useEffect(() => {
    let isShown = true;
    setFailed(false);
    load().then(
      (component) => {
        loaded.set(load, component);
        if (isShown) setView(() => component);
      },
      () => isShown && setFailed(true),
    );
    return () => {
      isShown = false;
    };
  }, [load]);
  if (View) return <View {...props} />;
  if (isFailed) {
    // After a new version is out, the old pieces are gone: only the whole page can be had.
    const error = new ApiError(0, 'This view could not be loaded', 'Perhaps there is a new version. Load the page again.');
    return <ErrorNote error={error} onRetry={() => location.reload()} />;
  }
  return (
    <div aria-busy="true">
      <Skeleton rows={1} height={40} />
      <Skeleton rows={6} />
    </div>
  );
}
