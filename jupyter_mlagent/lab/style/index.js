import './proposal.css';
import './panel.css';
import './search.css';
