// Which view belongs to which address. All but the first ones are fetched when somebody goes there.
import { JobsPage } from './jobs/JobsPage.tsx';
import { OverviewPage } from './overview/OverviewPage.tsx';
import type { Route } from './router.ts';
import { Empty, Page } from './ui/Frame.tsx';
import { Later } from './ui/Later.tsx';
import { Link } from './ui/Link.tsx';

export function CurrentView({ route }: { route: Route }) {
  switch (route.view) {
    case 'overview':
      return <OverviewPage />;
    case 'jobs':
      return <JobsPage />;
    case 'job':
      return <Later load={job} props={{ id: route.id }} />;
    case 'step':
      return <Later load={step} props={{ id: route.id, name: route.step }} />;
    case 'deliveries':
      return <Later load={deliveries} props={{}} />;
    case 'delivery':
      return <Later load={delivery} props={{ id: route.id }} />;
    case 'errors':
      return <Later load={errors} props={{}} />;
    case 'connections':
      return <Later load={connections} props={{}} />;
    case 'service':
      return <Later load={service} props={{}} />;
    case 'audit':
      return <Later load={audit} props={{}} />;
    case 'welcome':
      return <Later load={welcome} props={{}} />;
    case 'workflows':
      return <Later load={workflows} props={{}} />;
    case 'workflow':
      return <Later load={workflow} props={{ jobType: route.jobType }} />;
    case 'users':
      return <Later load={users} props={{}} />;
    case 'keys':
      return <Later load={keys} props={{}} />;
    case 'tenants':
      return <Later load={tenants} props={{}} />;
    case 'unknown':
      return <Unknown />;
  }
}

const later = () => import('./later.ts');
const job = () => later().then((views) => views.JobPage);
const step = () => later().then((views) => views.StepPage);
const deliveries = () => later().then((views) => views.DeliveriesPage);
const delivery = () => later().then((views) => views.DeliveryPage);
const errors = () => later().then((views) => views.ErrorsPage);
const connections = () => later().then((views) => views.ConnectionsPage);
const service = () => later().then((views) => views.ServicePage);
const audit = () => later().then((views) => views.AuditPage);

const setUp = () => import('./set-up.ts');
const welcome = () => setUp().then((views) => views.WelcomePage);
const workflows = () => setUp().then((views) => views.WorkflowsPage);
const workflow = () => setUp().then((views) => views.WorkflowPage);
const users = () => setUp().then((views) => views.UsersPage);
const keys = () => setUp().then((views) => views.KeysPage);
const tenants = () => setUp().then((views) => views.TenantsPage);

function Unknown() {
  return (
    <Page title="No such page">
      <Empty title="There is nothing at this address.">
        <Link href="/">Go to the overview</Link>
      </Empty>
    </Page>
  );
}
