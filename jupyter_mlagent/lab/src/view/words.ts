import type { TranslationBundle } from '@jupyterlab/translation';

import type { SuggestionModel } from '../model';

/** Which candidate is shown. */
export function placeText(model: SuggestionModel, trans: TranslationBundle): string {
  const count = model.candidates.length;
  if (count === 0) {
    return '';
  }
  return model.ranked
    ? trans.__('Candidate %1 of %2', model.position + 1, count)
    : trans.__('Candidate %1', model.position + 1);
}

/** What is going on, or how it ended. */
export function statusText(model: SuggestionModel, trans: TranslationBundle): string {
  if (model.failure) {
    return model.failure;
  }
  if (model.working) {
    return progressText(model, trans);
  }
  if (model.ranked && model.candidates.length === 0) {
    return trans.__('No usable candidate this time; ask again, or give a hint.');
  }
  return model.timings ? trans.__('%1 s', model.timings.total_seconds.toFixed(1)) : '';
}

function progressText(model: SuggestionModel, trans: TranslationBundle): string {
  if (!model.asked) {
    return trans.__('Waiting for the kernel, then reading its variables…');
  }
  // Plans that the model is given stand there before it has read anything.
  if (model.reading || model.candidates.length === 0) {
    return trans.__('%1 is reading the notebook…', model.modelName);
  }
  const written = model.candidates.filter(one => one.proposal).length;
  const tried = model.candidates.filter(one => one.trial).length;
  return trans.__('Writing… %1 written, %2 tried', written, tried);
}

/** What else the person should know. */
export function noticeTexts(model: SuggestionModel, trans: TranslationBundle): string[] {
  const texts = [...model.notices];
  if (model.stale) {
    texts.push(model.stale);
  }
  if (model.measured) {
    const { matches, message } = model.measured;
    texts.push(
      matches
        ? trans.__('Ran for real: %1', message)
        : trans.__('Not as tried: %1', message)
    );
  }
  return texts;
}
