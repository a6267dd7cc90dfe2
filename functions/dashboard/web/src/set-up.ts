// The views in which an admin sets something up, in one file: fetched once, when somebody goes to any of them.
export { KeysPage } from './keys/KeysPage.tsx';
export { TenantsPage } from './tenants/TenantsPage.tsx';
export { UsersPage } from './users/UsersPage.tsx';
export { WelcomePage } from './welcome/WelcomePage.tsx';
export { WorkflowPage } from './workflows/WorkflowPage.tsx';
export { WorkflowsPage } from './workflows/WorkflowsPage.tsx';
