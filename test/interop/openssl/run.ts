import './certificates.ts';
import './requests.ts';
import { finish } from './harness.ts';

finish();
