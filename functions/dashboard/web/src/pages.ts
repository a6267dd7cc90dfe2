// A list that comes page by page: the first by itself, the next when somebody wants more.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from './api.ts';
import { asApiError, useView, type View } from './load.ts';

export interface More {
  isLoading: boolean;
  error: ApiError | null;
}

export interface Pages<Page> {
  view: View<Page>;
  more: More;
  reload: () => void;
  replace: (change: (page: Page) => Page) => void;
  loadMore: () => void;
}

const NOT_YET: More = { isLoading: false, error: null };

/** `join` lays the next page onto what is shown; `renew` lays a first page, loaded again, onto all that is shown. */
export function usePages<Page extends { next_cursor: string | null }>(
  key: string,
  load: (cursor: string | null, signal?: AbortSignal) => Promise<Page>,
  join: (shown: Page, next: Page) => Page,
  renew: (shown: Page, first: Page) => Page,
): Pages<Page> {
  const { view, reload, replace } = useView(key, (signal) => load(null, signal), renew);
  const [more, setMore] = useState(NOT_YET);
  const asked = useRef(key);
  asked.current = key;
  useEffect(() => setMore(NOT_YET), [key]);

  const loadMore = async () => {
    const cursor = view.state === 'ready' ? view.data.next_cursor : null;
    if (!cursor || more.isLoading) return;
    setMore({ isLoading: true, error: null });
    try {
      const next = await load(cursor);
      if (asked.current !== key) return;
      replace((shown) => join(shown, next));
      setMore(NOT_YET);
    } catch (cause) {
      if (asked.current === key) setMore({ isLoading: false, error: asApiError(cause) });
    }
  };
  return { view, more, reload, replace, loadMore: () => void loadMore() };
}
