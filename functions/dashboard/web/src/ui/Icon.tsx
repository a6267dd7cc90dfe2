// Small drawings on a grid of 16, in the colour of the text around them. Always beside a word or a label.

const PATHS = {
  overview: 'M2.5 13.5v-5M6.2 13.5v-9M9.8 13.5V7M13.5 13.5v-11',
  jobs: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01',
  deliveries: 'M2.5 9.5 4 3.5h8l1.5 6M2.5 9.5v3h11v-3M2.5 9.5H6l.8 1.5h2.4l.8-1.5h3.5',
  errors: 'M8 2.5 14 13H2zM8 6.5v3M8 11.3v.01',
  connections: 'M6.5 9.5 9.5 6.5M7.5 4.8l1-1a2.6 2.6 0 0 1 3.7 3.7l-1 1M8.5 11.2l-1 1a2.6 2.6 0 0 1-3.7-3.7l1-1',
  service: 'M1.5 8.5h3l2-5 3 9 2-5.5 .8 1.5h2.2',
  workflows: 'M2.5 4.5h4v3h-4zM9.5 8.5h4v3h-4zM6.5 6h2a1 1 0 0 1 1 1v3',
  users: 'M6 3a2.3 2.3 0 1 0 0 4.6A2.3 2.3 0 0 0 6 3M1.8 13c.2-2.4 1.9-3.6 4.2-3.6s4 1.2 4.2 3.6M10.6 3.3a2.2 2.2 0 0 1 0 4M12 9.8c1.3.5 2 1.6 2.2 3.2',
  keys: 'M5.2 7.3a3 3 0 1 0 0 6 3 3 0 0 0 0-6M7.5 8.2 13 2.7M10.8 4.9l1.9 1.9',
  tenants: 'M2.5 13.5v-9l5-2v11M7.5 6.5l6 2v5M1.5 13.5h13M5 6.5h.01M5 9.5h.01M10.5 10.5h.01',
  plus: 'M8 3v10M3 8h10',
  audit: 'M4 2.5h5.5l3 3v8H4zM9.5 2.5v3h3M6.2 8.5h4M6.2 11h4',
  QUEUED: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M5.5 8h.01M8 8h.01M10.5 8h.01',
  WAITING: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3l2 1.5',
  RUNNING: 'M8 2.5A5.5 5.5 0 1 1 2.5 8',
  COMPLETED: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M5.5 8.2l1.8 1.8 3.3-3.8',
  FAILED: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M6 6l4 4M10 6l-4 4',
  CANCELLED: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M4.2 4.2l7.6 7.6',
  NOTHING_TO_DO: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M5.5 8h5',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3l3.2 3.2',
  close: 'M4 4l8 8M12 4l-8 8',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  external: 'M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  retry: 'M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3',
  bell: 'M4 11.5c.8-1 1-2 1-4a3 3 0 0 1 6 0c0 2 .2 3 1 4zM7 13.5h2',
  download: 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10',
  warning: 'M8 2.5 14 13H2zM8 6.5v3M8 11.3v.01',
  shield: 'M8 2 13 4v4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V4zM5.8 8l1.6 1.6 2.8-3',
  help: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M6.3 6.4a1.7 1.7 0 1 1 2.4 1.6c-.5.2-.7.6-.7 1.1M8 11v.01',
  signout: 'M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, class: extra = '' }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${extra}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
