// The views that nobody sees first, in one file: fetched once, when somebody goes to any of them.
export { AuditPage } from './audit/AuditPage.tsx';
export { ConnectionsPage } from './connections/ConnectionsPage.tsx';
export { DeliveriesPage } from './deliveries/DeliveriesPage.tsx';
export { DeliveryPage } from './deliveries/DeliveryPage.tsx';
export { ErrorsPage } from './errors/ErrorsPage.tsx';
export { JobPage } from './jobs/JobPage.tsx';
export { StepPage } from './jobs/StepPage.tsx';
export { ServicePage } from './service/ServicePage.tsx';
