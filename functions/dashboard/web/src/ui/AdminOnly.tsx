// A view for admins; anybody else is told whom to ask.
import type { ComponentChildren } from 'preact';
import { useViewer, whyNotAdmin } from '../me.ts';
import { Empty, Page } from './Frame.tsx';

export function AdminOnly({ title, children }: { title: string; children: ComponentChildren }) {
  const whyNot = whyNotAdmin(useViewer());
  if (whyNot === null) return <>{children}</>;
  return (
    <Page title={title}>
      <Empty title="This is for admins.">{whyNot}</Empty>
    </Page>
  );
}
