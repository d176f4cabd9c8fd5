import './proposal.css';
import './panel.css';
