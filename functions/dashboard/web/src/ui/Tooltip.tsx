// One tooltip for the whole page: whatever has `data-tip` shows it on hover and on focus. Esc hides it, and the
// pointer may move onto it.
import { useEffect, useRef, useState } from 'preact/hooks';

interface Shown {
  text: string;
  target: Element;
}

const GAP_PX = 6;

export function Tooltip() {
  const [shown, setShown] = useState<Shown | null>(null);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const show = (event: Event) => {
      if (box.current?.contains(event.target as Node)) return;
      const target = (event.target as Element | null)?.closest?.('[data-tip]') ?? null;
      const text = target?.getAttribute('data-tip');
      setShown((before) => (target && text ? (before?.target === target ? before : { text, target }) : null));
    };
    const hide = () => setShown(null);
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && hide();
    document.addEventListener('pointerover', show);
    document.addEventListener('focusin', show);
    document.addEventListener('keydown', onKey);
    addEventListener('scroll', hide, { passive: true, capture: true });
    return () => {
      document.removeEventListener('pointerover', show);
      document.removeEventListener('focusin', show);
      document.removeEventListener('keydown', onKey);
      removeEventListener('scroll', hide, { capture: true });
    };
  }, []);

  useEffect(() => {
    if (!shown || !box.current) return undefined;
    place(box.current, shown.target.getBoundingClientRect());
    // Some targets are described already, by a text that says the same.
    if (shown.target.hasAttribute('aria-describedby')) return undefined;
    shown.target.setAttribute('aria-describedby', 'tooltip');
    return () => shown.target.removeAttribute('aria-describedby');
  }, [shown]);

  return (
    <div id="tooltip" role="tooltip" class="tooltip" ref={box} hidden={!shown}>
      {shown?.text}
    </div>
  );
}

/** Below the target, or above it where there is no room; never out of the window. */
function place(box: HTMLElement, target: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = box;
  const left = Math.min(Math.max(target.left, 8), innerWidth - width - 8);
  const isRoomBelow = target.bottom + GAP_PX + height < innerHeight;
  box.style.left = `${Math.max(left, 8)}px`;
  box.style.top = `${isRoomBelow ? target.bottom + GAP_PX : Math.max(target.top - GAP_PX - height, 4)}px`;
}
