module.exports = {
  testEnvironment: 'jsdom',
  testMatch: ['<rootDir>/test/**/*.spec.ts'],
  transform: {
    '^.+\\.(ts|js|mjs)$': [
      'ts-jest',
      { tsconfig: '<rootDir>/tsconfig.test.json', diagnostics: { exclude: ['**/node_modules/**'] } }
    ]
  },
  transformIgnorePatterns: ['/node_modules/(?!(@noble|@jupyterlab|@jupyter|lib0|yjs|y-protocols)/)']
};
