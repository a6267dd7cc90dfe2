// Links within the dashboard go without loading the page anew; links out of it open beside it.
import type { ComponentChildren, TargetedMouseEvent } from 'preact';
import { hrefTo, navigate } from '../router.ts';
import { safeLink } from '../text.ts';
import { Icon } from './Icon.tsx';

interface Props {
  /** A path of ours, without the tenant: the link keeps it. */
  href: string;
  query?: Record<string, string | null>;
  class?: string;
  children: ComponentChildren;
  [attribute: `data-${string}` | `aria-${string}`]: string | undefined;
}

export function Link({ href, query, children, ...rest }: Props) {
  const address = hrefTo(href, query);
  return (
    <a {...rest} href={address} onClick={(event) => follow(event, address)}>
      {children}
    </a>
  );
}

export function follow(event: TargetedMouseEvent<HTMLElement>, address: string): void {
  const isForBrowser = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (isForBrowser || event.defaultPrevented) return;
  event.preventDefault();
  navigate(address);
}

/** The record at its provider; plain text where the address is none to follow. */
export function ExternalLink({ href, children }: { href: string | null; children: ComponentChildren }) {
  const address = safeLink(href);
  if (!address) return <>{children}</>;
  return (
    <a class="external" href={address} target="_blank" rel="noopener noreferrer">
      {children} <Icon name="external" />
      <span class="sr-only"> (opens in a new tab)</span>
    </a>
  );
}
