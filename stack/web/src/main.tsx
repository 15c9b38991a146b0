import { render } from 'preact';
import { LocationProvider } from 'preact-iso/router';
import { App } from './app';
import './style.css';
import './tables.css';

const root = document.getElementById('app');
if (root) {
  render(
    <LocationProvider>
      <App />
    </LocationProvider>,
    root,
  );
}
