// A value that lives outside the components, and the hook that follows it.
import { useEffect, useState } from 'preact/hooks';

export interface Store<T> {
  get(): T;
  set(value: T): void;
  /** Calls back on each change until the returned function is called. */
  follow(changed: (value: T) => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const followers = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const changed of [...followers]) changed(next);
    },
    follow(changed) {
      followers.add(changed);
      return () => void followers.delete(changed);
    },
  };
}

/** The part of a store's value that a component shows; it is drawn again only when that part changes. */
export function useStore<T, P = T>(store: Store<T>, part: (value: T) => P = (value) => value as unknown as P): P {
  const [shown, setShown] = useState(() => part(store.get()));
  useEffect(() => {
    const take = (value: T) => {
      const next = part(value);
      setShown(() => next);
    };
    take(store.get());
    return store.follow(take);
    // The part is the same function in meaning for the life of a component.
  }, [store]);
  return shown;
}
