import { LabIcon } from '@jupyterlab/ui-components';

import svgstr from '../style/mlagent.svg';

/** A curve that goes up, with a point at its end. */
export const mlagentIcon = new LabIcon({ name: 'mlagent:icon', svgstr });
