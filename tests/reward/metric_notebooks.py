"""Realistic notebooks, as the sources of their code cells, with the metric a person would name for each."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mlagent.records import Cell, Direction

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE

IMPORTS = """
import numpy as np
import pandas as pd
from sklearn.metrics import *
"""
SPLIT = """
df = pd.read_csv('train.csv')
X = df.drop(columns=['target'])
y = df['target']
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=42)
"""


@dataclass(frozen=True)
class Case:
    name: str
    sources: tuple[str, ...]
    expression: str
    direction: Direction | None
    where: str
    settable: bool = False


def cells(*sources: str) -> list[Cell]:
    return [Cell(id=str(number), kind="code", source=source) for number, source in enumerate(sources)]


CASES = [
    Case(
        "accuracy in a variable, printed with a label",
        (
            IMPORTS,
            SPLIT,
            "model = LogisticRegression().fit(X_train, y_train)\n"
            "pred = model.predict(X_val)\n"
            "acc = accuracy_score(y_val, pred)\n"
            "print('acc:', acc)",
        ),
        "accuracy_score(y_val, model.predict(X_val))",
        UP,
        "printed in cell 3",
    ),
    Case(
        "root mean squared error in an f-string",
        (
            IMPORTS,
            SPLIT,
            "reg = Ridge()\nreg.fit(X_train, y_train)\ny_pred = reg.predict(X_val)",
            "rmse = np.sqrt(mean_squared_error(y_val, y_pred))\nprint(f'RMSE: {rmse:.3f}')",
        ),
        "np.sqrt(mean_squared_error(y_val, reg.predict(X_val)))",
        DOWN,
        "printed in cell 4",
    ),
    Case(
        "a pipeline's own score as the cell's value",
        (
            IMPORTS,
            SPLIT,
            "pipe = make_pipeline(StandardScaler(), SVC())\npipe.fit(X_train, y_train)",
            "pipe.score(X_val, y_val)",
        ),
        "pipe.score(X_val, y_val)",
        UP,
        "shown by cell 4",
    ),
    Case(
        "best score of a grid search",
        (
            IMPORTS,
            SPLIT,
            "grid = GridSearchCV(SVC(), {'C': [1, 10]}, cv=5)\ngrid.fit(X_train, y_train)",
            "print('Best CV score:', grid.best_score_)",
        ),
        "grid.best_score_",
        UP,
        "printed in cell 4",
    ),
    Case(
        "cross validation with a named scorer, mean and deviation",
        (
            IMPORTS,
            SPLIT,
            "model = RandomForestRegressor()\n"
            "scores = cross_val_score(model, X, y, cv=5, scoring='neg_mean_absolute_error')\n"
            "print('CV: %.3f +/- %.3f' % (scores.mean(), scores.std()))",
        ),
        "cross_val_score(model, X, y, cv=5, scoring='neg_mean_absolute_error').mean()",
        UP,
        "printed in cell 3",
    ),
    Case(
        "keras evaluate, unpacked",
        (
            IMPORTS,
            SPLIT,
            "model = keras.Sequential([layers.Dense(1, activation='sigmoid')])\n"
            "model.compile(loss='binary_crossentropy', metrics=['accuracy'])\n"
            "model.fit(X_train, y_train, epochs=5)",
            "test_loss, test_acc = model.evaluate(X_val, y_val)\nprint('\\nTest accuracy:', test_acc)",
        ),
        "model.evaluate(X_val, y_val)[1]",
        UP,
        "printed in cell 4",
    ),
    Case(
        "torch loop that counts hits",
        (
            "import torch",
            "model = Net()",
            "correct = 0\ntotal = 0\n"
            "with torch.no_grad():\n"
            "    for images, labels in val_loader:\n"
            "        outputs = model(images)\n"
            "        correct += (outputs.argmax(1) == labels).sum().item()\n"
            "        total += len(labels)\n"
            "print(f'Accuracy: {100 * correct / total:.2f}%')",
        ),
        "correct / total",
        UP,
        "printed in cell 3",
        settable=True,
    ),
    Case(
        "torch function that evaluates",
        (
            "import torch",
            "def evaluate(model, loader):\n    return 0.5",
            "model = Net()\nval_loss = evaluate(model, val_loader)\nprint('val loss', val_loss)",
        ),
        "evaluate(model, val_loader)",
        DOWN,
        "printed in cell 3",
    ),
    Case(
        "statsmodels prediction on held-out rows",
        (
            IMPORTS,
            SPLIT,
            "results = sm.OLS(y_train, sm.add_constant(X_train)).fit()\nprint(results.summary())",
            "forecast = results.predict(sm.add_constant(X_val))\nmean_absolute_error(y_val, forecast)",
        ),
        "mean_absolute_error(y_val, results.predict(sm.add_constant(X_val)))",
        DOWN,
        "shown by cell 4",
    ),
    Case(
        "adjusted R squared that a fitted object reports",
        ("res = smf.ols('y ~ a + b', data=df).fit()", "res.rsquared_adj"),
        "res.rsquared_adj",
        UP,
        "shown by cell 2",
    ),
    Case(
        "a rmse function of one's own",
        (
            IMPORTS,
            SPLIT,
            "def rmse(y_true, y_pred):\n    return np.sqrt(((y_true - y_pred) ** 2).mean())",
            "model = Lasso().fit(X_train, y_train)\npreds = model.predict(X_val)\nrmse(y_val, preds)",
        ),
        "rmse(y_val, model.predict(X_val))",
        DOWN,
        "shown by cell 4",
    ),
    Case(
        "silhouette of clusters",
        (
            "from sklearn.metrics import silhouette_score",
            "km = KMeans(5)\nlabels = km.fit_predict(X)",
            "print('Silhouette:', round(silhouette_score(X, labels), 3))",
        ),
        "silhouette_score(X, km.fit_predict(X))",
        UP,
        "printed in cell 3",
    ),
    Case(
        "percentage error of a forecast",
        (
            IMPORTS,
            "train, test = series[:-24], series[-24:]",
            "fit = ExponentialSmoothing(train, seasonal='add').fit()\npred = fit.forecast(24)\n"
            "mape = mean_absolute_percentage_error(test, pred)\nprint('MAPE: {:.2f}%'.format(mape * 100))",
        ),
        "mean_absolute_percentage_error(test, fit.forecast(24))",
        DOWN,
        "printed in cell 3",
    ),
    Case(
        "classification report only",
        (
            "from sklearn.metrics import classification_report",
            SPLIT,
            "rf = RandomForestClassifier()\nrf.fit(X_train, y_train)\n"
            "print(classification_report(y_val, rf.predict(X_val)))",
        ),
        "(y_val == rf.predict(X_val)).mean()",
        UP,
        "printed in cell 3",
    ),
    Case(
        "training score beside the test score",
        (
            IMPORTS,
            SPLIT.replace("val", "test"),
            "clf = DecisionTreeClassifier().fit(X_train, y_train)\n"
            "print('train', clf.score(X_train, y_train))\nprint('test', clf.score(X_test, y_test))",
        ),
        "clf.score(X_test, y_test)",
        UP,
        "printed in cell 3",
    ),
    Case(
        "area under the curve from probabilities",
        (
            IMPORTS,
            SPLIT,
            "gbm = LGBMClassifier().fit(X_train, y_train)\nproba = gbm.predict_proba(X_val)[:, 1]",
            "print('ROC AUC: %.4f' % roc_auc_score(y_val, proba))",
        ),
        "roc_auc_score(y_val, gbm.predict_proba(X_val)[:, 1])",
        UP,
        "printed in cell 4",
    ),
    Case(
        "hits counted by hand with a threshold",
        (
            IMPORTS,
            SPLIT,
            "model = LogisticRegression().fit(X_train, y_train)\n"
            "y_hat = (model.predict_proba(X_val)[:, 1] > 0.4).astype(int)\n"
            "print('accuracy', np.mean(y_hat == y_val))",
        ),
        "np.mean((model.predict_proba(X_val)[:, 1] > 0.4).astype(int) == y_val)",
        UP,
        "printed in cell 3",
    ),
    Case(
        "error on the original scale of a logarithmic target",
        (
            IMPORTS,
            SPLIT,
            "model = XGBRegressor().fit(X_train, np.log1p(y_train))\n"
            "preds = np.expm1(model.predict(X_val))\n"
            "mae = mean_absolute_error(y_val, preds)\nmae",
        ),
        "mean_absolute_error(y_val, np.expm1(model.predict(X_val)))",
        DOWN,
        "shown by cell 3",
    ),
    Case(
        "out-of-fold scores collected in a loop",
        (
            IMPORTS,
            SPLIT,
            "scores = []\nfor tr, va in KFold(5).split(X):\n"
            "    m = Ridge().fit(X.iloc[tr], y.iloc[tr])\n"
            "    scores.append(r2_score(y.iloc[va], m.predict(X.iloc[va])))\nprint(np.mean(scores))",
        ),
        "np.mean(scores)",
        UP,
        "printed in cell 3",
        settable=True,
    ),
    Case(
        "scores of all folds, printed as they are",
        (
            IMPORTS,
            SPLIT,
            "svc = SVC()\nscores = cross_val_score(svc, X, y)",
            "print('Scores:', scores, scores.std())",
        ),
        "cross_val_score(svc, X, y).mean()",
        UP,
        "printed in cell 4",
    ),
    Case(
        "a dictionary of scores",
        (
            IMPORTS,
            SPLIT,
            "m = Ridge().fit(X_train, y_train)\np = m.predict(X_val)\n"
            "metrics = {'MAE': mean_absolute_error(y_val, p), 'R2': r2_score(y_val, p)}",
            "metrics",
        ),
        "mean_absolute_error(y_val, m.predict(X_val))",
        DOWN,
        "shown by cell 4",
    ),
    Case(
        "two scores in a tuple",
        (
            IMPORTS,
            SPLIT,
            "m = Ridge().fit(X_train, y_train)\np = m.predict(X_val)",
            "r2_score(y_val, p), mean_absolute_error(y_val, p)",
        ),
        "r2_score(y_val, m.predict(X_val))",
        UP,
        "shown by cell 4",
    ),
    Case(
        "predictions across folds",
        (
            IMPORTS,
            SPLIT,
            "oof = cross_val_predict(model, X, y, cv=5)\nprint('OOF log loss', log_loss(y, oof))",
        ),
        "log_loss(y, cross_val_predict(model, X, y, cv=5))",
        DOWN,
        "printed in cell 3",
    ),
]
