import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/', '*.config.*', 'style/'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      curly: 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // JupyterLab's own rule: namespaces hold a class's options.
      '@typescript-eslint/no-namespace': 'off',
      // Signals take a method together with the object it is called on.
      '@typescript-eslint/unbound-method': 'off'
    }
  }
);
