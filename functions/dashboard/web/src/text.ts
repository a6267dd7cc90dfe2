// Text from outside, made harmless to read: what cannot be seen is shown, what is long is clipped. Pure.

/** Invisible, or able to turn the text around it: C0, C1, soft hyphen, zero width, bidirectional, BOM, tags. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** The text with every unseen character shown as a picture or its code point; tab and line feed stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return '\u2421';
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}

/** As `visible`, in one line. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll('\n', '\u240a').replaceAll('\t', ' ');
}

/** The first `most` characters, never half of one. */
export function clip(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  const isHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHalf ? most - 1 : most);
}

/** The address if a browser may follow it: http or https, absolute. */
export function safeLink(address: string | null): string | null {
  if (!address) return null;
  try {
    const url = new URL(address);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

/** What tells one id from the next: the end, since ids of one time begin alike. */
export function shortId(id: string): string {
  return id.length > 8 ? id.slice(-8) : id;
}

const PROVIDERS: Record<string, string> = {
  xero: 'Xero',
  hubspot: 'HubSpot',
  shopify: 'Shopify',
  asana: 'Asana',
  slack: 'Slack',
  ses: 'Amazon SES',
  trading: 'Trading API',
};

export function providerName(provider: string | null | undefined): string {
  if (!provider) return '—';
  return PROVIDERS[provider] ?? provider;
}
