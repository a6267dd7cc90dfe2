// Below a list: how much of it is shown, and more of it.
import type { ComponentChildren } from 'preact';
import type { More } from '../pages.ts';
import { count } from '../time.ts';
import { ErrorNote } from './Frame.tsx';

interface Props {
  shown: number;
  hasMore: boolean;
  more: More;
  onMore: () => void;
  children?: ComponentChildren;
}

export function ListFoot({ shown, hasMore, more, onMore, children }: Props) {
  return (
    <div class="table-foot">
      <span>
        {count(shown)} shown{hasMore ? ', more below' : ''}
      </span>
      {children}
      {more.error && <ErrorNote error={more.error} onRetry={onMore} />}
      {hasMore && !more.error && (
        <button type="button" class="button" disabled={more.isLoading} onClick={onMore}>
          {more.isLoading ? 'Loading…' : 'Load more'}
        </button>
      )}
    </div>
  );
}
